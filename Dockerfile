# A server of mock-ivs-chat in an image that has nothing but one program:
#
#     docker build --tag mock-ivs-chat .
#     docker run --rm --publish 127.0.0.1:8080:8080 mock-ivs-chat --room lobby

FROM rust:1.95-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /source
COPY . .
# The C library becomes part of the program. Naming the target keeps build scripts out of this.
RUN RUSTFLAGS="-C target-feature=+crt-static" cargo install --locked --path server --root /built --target "$(rustc -vV | sed -n 's/^host: //p')"

FROM scratch
COPY --from=build /built/bin/mock-ivs-chat /mock-ivs-chat
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/mock-ivs-chat", "--bind", "0.0.0.0", "--port", "8080"]
