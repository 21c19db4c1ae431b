# The build runs on the builder's own platform and cross-compiles: there is no C in it.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src

# A layer of its own: it is built again only when the modules change.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG VERSION=""
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /logmux ./cmd/logmux

# CA certificates and time zones, no shell. Its user is 65532.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /logmux /logmux

# Nothing is written but spilled lines: where the root is read-only, point
# query.spill_dir at a writable mount.
USER 65532:65532
EXPOSE 9195
ENTRYPOINT ["/logmux"]
CMD ["serve", "--config", "/etc/logmux/config.yaml"]
