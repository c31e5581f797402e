# The companion on Debian: the same set-up as `make demo` on any machine. x86-64 only (TensorFlow 1 has no other builds).
FROM --platform=linux/amd64 debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git make python3 python3-venv libsndfile1 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /companion
COPY Makefile pyproject.toml requirements*.txt requirements*.lock ./
COPY tools ./tools
RUN make env
COPY . .
CMD ["make", "demo"]
