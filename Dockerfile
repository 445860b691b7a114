# The hub in a container.
#
#   docker build -t vitrine .                                  CPU
#   docker build -t vitrine:cuda --build-arg TORCH=default .   with CUDA, for `docker run --gpus all`
#   docker run -p 7860:7860 -v vitrine:/data vitrine
#
# Secrets come with `docker run --env-file`, as in VITRINE_AUTH=NAME:PASSWORD, and never with the image.

FROM python:3.11-slim AS libraries
# cpu or default: the build of torch, as `scripts/install.py` knows them
ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
WORKDIR /build
COPY scripts/install.py scripts/install.py
COPY requirements.txt requirements-dev.txt ./
# requirements-dev.txt only pins versions here; nothing of development is installed
RUN python scripts/install.py --venv /opt/venv --torch "$TORCH"

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    HF_HOME=/data/huggingface \
    VITRINE_DATA_DIR=/data/vitrine \
    VITRINE_HOST=0.0.0.0 \
    VITRINE_PORT=7860
RUN useradd --uid 1000 --home-dir /data --create-home --shell /usr/sbin/nologin vitrine
COPY --from=libraries /opt/venv /opt/venv
WORKDIR /app
COPY app.py LICENSE README.md ./
COPY core core
COPY spaces spaces
USER 1000
VOLUME /data
EXPOSE 7860
# Python is process 1 here, where SIGTERM without a handler does nothing; it does handle SIGINT.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['VITRINE_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["python", "app.py"]
CMD ["hub"]
