"""The fourteen questions, with weight and formula: the one list that scores, records and documentation come from."""

from __future__ import annotations

from modelguard.vendors.conduct import (
    bus_factor,
    continuity,
    fix_speed,
    maintained,
    responsiveness,
    revision_integrity,
)
from modelguard.vendors.contents import remote_code, safe_formats, signed, unsafe_files
from modelguard.vendors.papers import card_completeness, disclosure, license_clarity, publisher_identity
from modelguard.vendors.question import CRITICAL, HIGH, LOW, MEDIUM, Question

QUESTIONS: tuple[Question, ...] = (
    Question(
        id="unsafe-files",
        weight=CRITICAL,
        asks="Do the scans of the Hub object to a file?",
        formula="10 no issue and all scans done; 5 suspicious or caution; 0 unsafe; not known while scans are "
        "running. The worst repository counts.",
        answer=unsafe_files,
    ),
    Question(
        id="safe-formats",
        weight=HIGH,
        asks="Are the weights in formats that hold nothing but data?",
        formula="10 x the share of weight bytes in safetensors, GGUF or ONNX; minus 3 where pickles lie beside them. "
        "Mean.",
        answer=safe_formats,
    ),
    Question(
        id="remote-code",
        weight=HIGH,
        asks="Do models bring code that a loader would run?",
        formula="10 none; 6 code, and no commit for 90 days; 3 code that may have changed since. Mean.",
        answer=remote_code,
    ),
    Question(
        id="revision-integrity",
        weight=CRITICAL,
        asks="Is the history left alone?",
        formula="10 the locked commit is in the history of a branch or tag; 5 the history is a single commit; 0 the "
        "locked commit is gone; not known for models that are not locked. The worst repository counts.",
        answer=revision_integrity,
    ),
    Question(
        id="publisher-identity",
        weight=HIGH,
        asks="Who is the publisher?",
        formula="Organization: verified 5, three members or more 2, a year or older 3; at most 2 when younger than 90"
        " days and not verified. One person: 5 a year or older, 3 younger, 2 younger than 90 days.",
        answer=publisher_identity,
    ),
    Question(
        id="namespace-continuity",
        weight=CRITICAL,
        asks="Are repository and owner still the ones that were approved?",
        formula="10 the same identities as in the lock; 4 renamed, with the same identity; 0 other identities; not "
        "known for models that are not locked. The worst repository counts.",
        answer=continuity,
    ),
    Question(
        id="signed",
        weight=MEDIUM,
        asks="Are the models signed?",
        formula="10 the lock records a verified signature; 5 a signature is there; 0 none. Mean.",
        answer=signed,
    ),
    Question(
        id="maintained",
        weight=HIGH,
        asks="Does anybody work on the models?",
        formula="10 x the quarters of the last year with a commit / 4, over all repositories.",
        answer=maintained,
    ),
    Question(
        id="bus-factor",
        weight=LOW,
        asks="How many people does the work rest on?",
        formula="The smallest number of people who made half of the commits (bots left out): 1 gives 2, 2 give 6, 3 "
        "give 10.",
        answer=bus_factor,
    ),
    Question(
        id="responsiveness",
        weight=HIGH,
        asks="Do members answer?",
        formula="Median days to the first answer of a member in threads by others: 10 up to 3, 7 up to 14, 4 up to "
        "60, else 1; a thread without an answer counts with its age.",
        answer=responsiveness,
    ),
    Question(
        id="fix-speed",
        weight=HIGH,
        asks="How fast are security problems dealt with?",
        formula="Median days until threads about security are closed or merged: 10 up to 7, 7 up to 30, 4 up to 90, "
        "else 0; an open one counts with its age; not known without such threads.",
        answer=fix_speed,
    ),
    Question(
        id="disclosure",
        weight=MEDIUM,
        asks="Is there a way to report a security problem?",
        formula="10 SECURITY.md with a contact; 7 without one; 5 the card names a contact; 0 nothing. The best "
        "repository counts.",
        answer=disclosure,
    ),
    Question(
        id="card-completeness",
        weight=LOW,
        asks="Does the model card say what it should?",
        formula="10 x the share of ten parts that are there: license, language, datasets, base model, library, "
        "intended use, limits, training, evaluation, citation. Mean.",
        answer=card_completeness,
    ),
    Question(
        id="license-clarity",
        weight=MEDIUM,
        asks="Is it clear under which license the models are?",
        formula="10 a known license is declared and a license file is there; 6 declared only; 3 one of its own that "
        "is named, linked or there; 0 none. Mean. Whether text and declaration agree is asked when a model is"
        " locked.",
        answer=license_clarity,
    ),
)
