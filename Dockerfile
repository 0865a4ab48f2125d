# docker build -t sayso . && docker run --rm -p 4999:5000 sayso
FROM node:22-slim AS engine
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund

FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY --from=engine /source/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs \
    /source/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs \
    /source/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm src/sayso/web/static/ort/
RUN python -m venv /opt/sayso && \
    /opt/sayso/bin/python -m pip install --no-cache-dir --constraint constraints.txt '.[formats,redis]'

FROM python:3.11-slim
COPY --from=build /opt/sayso /opt/sayso
RUN useradd --system --no-create-home sayso
USER sayso
ENV PATH=/opt/sayso/bin:$PATH PYTHONDONTWRITEBYTECODE=1 SAYSO_HOST=0.0.0.0 SAYSO_PORT=5000
EXPOSE 5000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/healthz', timeout=3)"]
CMD ["sayso", "serve"]
