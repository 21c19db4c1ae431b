// Package line reads the NDJSON answer of a log provider.
//
//	io.Reader ──blocks──> newlines ──> canonical? ──yes──────────────> filter ──> merge.Block
//	                                       │no                            ▲
//	                                       └─> encoding/json ─decodes─────┤
//	                                                 │does not            │
//	                                                 └─> wrapped as a message
//
// A line goes on as the bytes that came in: it is never re-encoded. What a
// valid line is, encoding/json says, by decoding it into a [Message]. The shape
// that every real provider sends is recognised by a scanner, in one pass and
// without decoding; a fuzz test holds the scanner to encoding/json.
//
// The package knows no URL and no HTTP, and starts no goroutine.
package line
