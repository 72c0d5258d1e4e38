"""Has forms filled through Instructor, by a tool and by a JSON Schema, and prints them as JSON."""

import json
import sys

import instructor
from openai import OpenAI
from pydantic import BaseModel


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


(url,) = sys.argv[1:]
told = {}
for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
    client = instructor.from_openai(OpenAI(base_url=url, api_key="none", max_retries=0), mode=mode)
    person, whole = client.chat.completions.create_with_completion(
        model="pilotage", response_model=Person, max_retries=0, messages=[{"role": "user", "content": "Who was it?"}]
    )
    told[mode.value] = [person.model_dump(), whole.usage.total_tokens]
print(json.dumps(told))
