"""A client that has nothing of Tollgate but its proto files. Prints what it saw as one JSON object; the test judges.

usage: foreign_client.py STUBS ADDRESS generate|fail MODEL PROMPT
       foreign_client.py STUBS ADDRESS hang-up|health
       foreign_client.py STUBS ADDRESS reflect v1|v1alpha SYMBOL

The token comes in TOLLGATE_TOKEN; without it none is sent.
"""

import importlib
import json
import os
import sys

import google
import grpc

stubs, address, verb, *arguments = sys.argv[1:]

# Both packages are installed ones, in which Python would not look for the generated modules of the same names.
sys.path.insert(0, stubs)
google.__path__.append(os.path.join(stubs, "google"))
grpc.__path__.append(os.path.join(stubs, "grpc"))

from google.protobuf import descriptor_database, descriptor_pb2, descriptor_pool, json_format  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from grpc.health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from tollgate.v1 import content_pb2, generate_service_pb2, generate_service_pb2_grpc  # noqa: E402

DETAILS = {
    "google.rpc.ErrorInfo": error_details_pb2.ErrorInfo,
    "google.rpc.RetryInfo": error_details_pb2.RetryInfo,
    "google.rpc.BadRequest": error_details_pb2.BadRequest,
    "tollgate.v1.GenerationFailure": generate_service_pb2.GenerationFailure,
}


def metadata():
    token = os.environ.get("TOLLGATE_TOKEN")
    return [] if token is None else [("authorization", f"Bearer {token}")]


def as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def request(model, prompt):
    part = content_pb2.Part(text=prompt)
    message = content_pb2.Message(role=content_pb2.ROLE_USER, parts=[part])
    return generate_service_pb2.GenerateRequest(model=model, messages=[message])


def details_of(error):
    status = status_pb2.Status()
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    found = {}
    for detail in status.details:
        name = detail.type_url.rsplit("/", 1)[-1]
        message = DETAILS[name]()
        assert detail.Unpack(message)
        found[name] = as_dict(message)
    return {"status_code": status.code, "status_message": status.message, "details": found}


def generate(channel, model, prompt):
    stub = generate_service_pb2_grpc.GenerateServiceStub(channel)
    events, text = [], ""
    for response in stub.Generate(request(model, prompt), metadata=metadata(), timeout=20):
        event = response.WhichOneof("event")
        events.append({"seq": response.seq, "event": event})
        if event == "text_delta":
            text += response.text_delta.text
        if event == "finish":
            return {"events": events, "text": text, "finish": as_dict(response.finish)}
    return {"events": events, "text": text}


def fail(channel, model, prompt):
    try:
        return {"answered": generate(channel, model, prompt)}
    except grpc.RpcError as error:
        return {"code": error.code().name, "message": error.details(), **details_of(error)}


def hang_up(channel):
    """Leaves in the middle of a long answer, and asks anew over the same connection."""
    stub = generate_service_pb2_grpc.GenerateServiceStub(channel)
    call = stub.Generate(request("echo/slow", "word " * 500), metadata=metadata(), timeout=20)
    seen = next(call).WhichOneof("event")
    call.cancel()
    return {"seen": seen, "after": generate(channel, "echo/say", "still there")["text"]}


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    services = ["", "tollgate.v1.GenerateService"]
    checks = {name: stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20) for name in services}
    watched = next(stub.Watch(health_pb2.HealthCheckRequest(service=""), timeout=20))
    serving = health_pb2.HealthCheckResponse.ServingStatus.Name
    return {"check": {name: serving(answer.status) for name, answer in checks.items()}, "watch": serving(watched.status)}


def reflect(channel, version, symbol):
    messages = importlib.import_module(f"grpc.reflection.{version}.reflection_pb2")
    services = importlib.import_module(f"grpc.reflection.{version}.reflection_pb2_grpc")
    asked = [
        messages.ServerReflectionRequest(list_services=""),
        messages.ServerReflectionRequest(file_containing_symbol=symbol),
        messages.ServerReflectionRequest(file_by_filename="no/such.proto"),
    ]
    stub = services.ServerReflectionStub(channel)
    listed, found, missing = stub.ServerReflectionInfo(iter(asked), metadata=metadata(), timeout=20)
    files = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in found.file_descriptor_response.file_descriptor_proto]
    # A pool of its own: it holds what came, nothing that this program was generated with.
    database = descriptor_database.DescriptorDatabase()
    for file in files:
        database.Add(file)
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName(symbol)
    return {
        "services": sorted(service.name for service in listed.list_services_response.service),
        "files": sorted(file.name for file in files),
        "methods": {method.name: [method.input_type.full_name, method.output_type.full_name] for method in service.methods},
        "missing": grpc_code(missing.error_response.error_code),
    }


def grpc_code(number):
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


VERBS = {"generate": generate, "fail": fail, "hang-up": hang_up, "health": health, "reflect": reflect}

with grpc.insecure_channel(address) as open_channel:
    print(json.dumps(VERBS[verb](open_channel, *arguments)))
