"""A client of the gRPC services by grpcio: see docs/grpc.md. Run: python3 client.py PROGRAM_KEY"""

import json
import os
import sys
import uuid
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from registrar.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from registrar.enrollment.v1 import (
    enrollment_service_pb2,
    enrollment_service_pb2_grpc,
    enrollment_write_pb2,
)
from registrar.jobs.v1 import job_pb2, jobs_service_pb2, jobs_service_pb2_grpc

program_key = sys.argv[1] if len(sys.argv) > 1 else "demo-masters"
authorization = [("authorization", f"Bearer {os.environ['TOKEN']}")]


def retry(service, *methods):
    """Reads have no side effects: grpcio sends them again when the service is away for a moment."""
    return {
        "name": [{"service": service, "method": method} for method in methods],
        "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }


service_config = {
    "methodConfig": [
        retry("registrar.catalog.v1.CatalogService", "GetProgram", "ListPrograms"),
        retry("registrar.enrollment.v1.EnrollmentService", "ListProgramEnrollments"),
        retry("registrar.jobs.v1.JobsService", "GetJob", "ListJobs"),
    ]
}


def connect(setting, default):
    address = urlsplit(os.environ.get(setting, default)).netloc
    options = [
        ("grpc.service_config", json.dumps(service_config)),
        ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ]
    return grpc.insecure_channel(address, options)


catalog = catalog_service_pb2_grpc.CatalogServiceStub(connect("CATALOG_URL", "http://127.0.0.1:18742"))
enrollment = enrollment_service_pb2_grpc.EnrollmentServiceStub(connect("ENROLLMENT_URL", "http://127.0.0.1:18743"))
jobs = jobs_service_pb2_grpc.JobsServiceStub(connect("JOBS_URL", "http://127.0.0.1:18744"))

# Every call has a deadline, in seconds.
answer = catalog.GetProgram(
    catalog_service_pb2.GetProgramRequest(key=program_key), metadata=authorization, timeout=10
)
print(f"program: {answer.program.title}")

# A stream that breaks is taken up behind the last rows that came.
learners, page_token, done = 0, "", False
while not done:
    request = enrollment_service_pb2.StreamProgramEnrollmentsRequest(program_key=program_key, page_token=page_token)
    try:
        for batch in enrollment.StreamProgramEnrollments(request, metadata=authorization, timeout=600):
            learners += len(batch.enrollments)
            page_token = batch.next_page_token
        done = True
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            raise
print(f"learners: {learners}")

# With a key of its own a write may be sent again as well: it is done once.
written = enrollment.WriteProgramEnrollments(
    enrollment_service_pb2.WriteProgramEnrollmentsRequest(
        program_key=program_key,
        mode=enrollment_write_pb2.WRITE_MODE_CREATE_OR_UPDATE,
        enrollments=[enrollment_write_pb2.EnrollmentWrite(student_key="example-1", status="enrolled")],
    ),
    metadata=[*authorization, ("idempotency-key", str(uuid.uuid4()))],
    timeout=60,
)
print("written:", ", ".join(f"{result.student_key} {result.status}" for result in written.results))

job = jobs.CreateReadJob(
    jobs_service_pb2.CreateReadJobRequest(
        kind=job_pb2.JOB_KIND_LIST_PROGRAM_ENROLLMENTS, program_key=program_key, format=job_pb2.RESULT_FORMAT_CSV
    ),
    metadata=authorization,
    timeout=10,
).job
for update in jobs.WatchJob(jobs_service_pb2.WatchJobRequest(id=job.id), metadata=authorization, timeout=600):
    job = update.job
parts = jobs.GetJobResult(jobs_service_pb2.GetJobResultRequest(id=job.id), metadata=authorization, timeout=600)
size = sum(len(part.data) for part in parts)
state = job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_")
print(f"job: {state}, {'with' if size else 'without'} a result")

# Every refusal has a code, and in its details a reason to tell apart what shares a code.
try:
    catalog.GetProgram(
        catalog_service_pb2.GetProgramRequest(key="no-such-program"), metadata=authorization, timeout=10
    )
except grpc.RpcError as error:
    info = error_details_pb2.ErrorInfo()
    reasons = [info.reason for detail in rpc_status.from_call(error).details if detail.Unpack(info)]
    print(f"refused: {error.code().name}, {reasons[0]}")
