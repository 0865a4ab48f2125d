"""The API against its own description, by schemathesis: nothing fails, and every answer is as described."""

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sayso.web import ModelStore, create_app

EXAMPLES = int(os.environ.get("SAYSO_FUZZ_EXAMPLES", "15"))  # `make fuzz` asks for more

schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app(ModelStore("m5")))


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_as_described(case: Any) -> None:
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    )
