"""A real receiver of OTLP over HTTP: it parses the protobuf that an exporter sends, and keeps the spans."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(one) for one in value.array_value.values]
    return getattr(value, kind)


def attributes_of(holder):
    return {one.key: value_of(one.value) for one in holder.attributes}


class Receiver:
    """Listens on a free port. `services` are the names that the spans were sent under, `bodies` all that came."""

    def __init__(self):
        self.spans, self.services, self.paths, self.bodies = [], set(), [], []
        self.came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.take(self.path, body)
                told = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path, body):
        request = ExportTraceServiceRequest.FromString(body)
        with self.came:
            self.paths.append(path)
            self.bodies.append(body)
            for of_service in request.resource_spans:
                self.services.add(attributes_of(of_service.resource)["service.name"])
                for of_scope in of_service.scope_spans:
                    self.spans += of_scope.spans
            self.came.notify_all()

    def wait_for(self, name, seconds=120):
        """The first span of a name, once it has come."""
        with self.came:
            assert self.came.wait_for(lambda: name in {span.name for span in self.spans}, seconds), self.names
            return next(span for span in self.spans if span.name == name)

    @property
    def names(self):
        return [span.name for span in sorted(self.spans, key=lambda span: span.start_time_unix_nano)]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)
