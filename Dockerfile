# One image for web, worker, beat and migrate; docker-compose.yml says which one a container is.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r /tmp/requirements.txt

FROM python:${PYTHON_VERSION}-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=returnsdesk.settings \
    PORT=8000 \
    WEB_CONCURRENCY=2
RUN useradd --system --uid 10001 --create-home --home-dir /home/desk desk
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY manage.py ./
COPY returnsdesk returnsdesk
COPY apps apps
COPY templates templates
COPY static static
# Throw-away keys: nothing is encrypted or signed here, and none of them stays in the image.
RUN throw_away=$(python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())") \
    && SECRET_KEY=$throw_away FIELD_ENCRYPTION_KEYS=$throw_away \
        python manage.py collectstatic --noinput \
    && rm -rf var && install -d -o desk -g desk var
USER desk
EXPOSE 8000

# An allowed host is asked for by name: with any other the desk answers 400.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/healthz', headers={'Host': os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].strip().lstrip('.').replace('*', 'localhost')}); raise SystemExit(c.getresponse().status != 200)"]

# gunicorn takes the number of workers from WEB_CONCURRENCY.
CMD ["sh", "-c", "exec gunicorn --bind 0.0.0.0:$PORT --worker-class gthread --threads 4 --keep-alive 30 --graceful-timeout 25 --worker-tmp-dir /dev/shm --no-control-socket returnsdesk.wsgi:application"]
