# MinIO, built from its source: its project has withdrawn its images from the public registries.
# Its licence is AGPL-3.0; it is a server beside Tagstream, and no part of Tagstream's image.
FROM golang:1.24.6-alpine AS build
# The release RELEASE.2025-09-07T16-13-09Z, by its commit; the Go checksum database vouches for its bytes.
RUN CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" \
    github.com/minio/minio@v0.0.0-20250907161309-07c3a429bfed

FROM alpine:3.22.1
RUN adduser -D -H -u 10002 minio && install -d -o minio -g minio /data /events
COPY --from=build /go/bin/minio /usr/local/bin/minio
# Named volumes take the owner of the folder that they cover.
VOLUME ["/data", "/events"]
USER 10002:10002
EXPOSE 9000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/minio"]
CMD ["server", "/data"]
