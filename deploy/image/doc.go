// Package image builds the container image as the Dockerfile says, and runs it as
// a cluster would: without root, and with a read-only root file system.
//
// There is no daemon and nothing is pulled: buildah builds on base images that
// the test makes, of what the Dockerfile's own have in common with them. Where
// buildah is missing, or the user is not root, the test is skipped.
package image
