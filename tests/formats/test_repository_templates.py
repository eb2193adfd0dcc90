"""Jinja templates: where they are found, how they reach beyond rendering, and honest ones that do not."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository_builders import asked, facts_of, facts_of_json, of_kind

from modelguard.formats import jinja
from modelguard.formats._template_rules import ATTRIBUTES, LARGEST, OBJECTS, REPEATERS
from modelguard.terms.facts import Asks, Malformed, Noted, Unread

ESCAPE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"

HONEST = [
    # In the manner of the templates of well-known chat models.
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    "{%- set ns = namespace(is_first=false, system_prompt='') %}{%- for message in messages %}"
    "{%- if message.role == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}"
    "{{ bos_token ~ ns.system_prompt | trim }}",
    "{%- if tools %}{%- for tool in tools %}{{ tool | tojson(indent=4) }}{% endfor %}{% endif %}",
    "{% generation %}{{ messages[-1].content.split('</think>')[-1].lstrip('\n') }}{% endgeneration %}",
    "{% if messages[0].role != 'user' %}{{ raise_exception('roles must alternate') }}{% endif %}",
    "{% for m in messages|selectattr('role', 'equalto', 'user') %}{{ loop.index0 % 2 }}{% continue %}{% endfor %}",
    "{% set today = strftime_now('%d %b %Y') %}{{ messages|map(attribute='content')|join('\n') }}",
    "{% macro show(item, depth=0) %}{% for i in range(depth) %}  {% endfor %}{{ item.name }}{% endmacro %}",
    "{{ 'name: %s' | format(name) }}{{ '{}'.format(name) }}",
]


@pytest.mark.parametrize("template", HONEST)
def test_an_honest_template_asks_for_nothing(template: str) -> None:
    facts = facts_of("chat_template.jinja", template)
    assert not asked(facts)
    assert not of_kind(facts, Unread)
    assert not of_kind(facts, Malformed)


PLACES: list[tuple[str, Any]] = [
    ("tokenizer_config.json", {"chat_template": ESCAPE}),
    (
        "tokenizer_config.json",
        {"chat_template": [{"name": "a", "template": "{{ x }}"}, {"name": "b", "template": ESCAPE}]},
    ),
    ("tokenizer_config.json", {"chat_template": {"default": ESCAPE}}),
    ("chat_template.json", {"chat_template": ESCAPE}),
    ("processor_config.json", {"chat_template": ESCAPE}),
    ("config.json", {"sub": {"rerank_template": ESCAPE}}),
    ("prompt.json", {"template": ESCAPE, "template_format": "jinja2"}),
]


@pytest.mark.parametrize(("path", "value"), PLACES, ids=range(len(PLACES)))
def test_j_01_a_template_is_found_wherever_a_configuration_carries_it(path: str, value: Any) -> None:
    found = [fact for fact in of_kind(facts_of_json(path, value), Asks) if fact.name == "__subclasses__"]
    assert len(found) == 1
    assert found[0].location.path == path
    assert found[0].location.members[0].endswith(".jinja")


@pytest.mark.parametrize("path", ["chat_template.jinja", "additional_chat_templates/tool_use.jinja", "x.J2"])
def test_j_01_a_template_in_a_file_of_its_own_is_read(path: str) -> None:
    assert ("templates", "__subclasses__") in asked(facts_of(path, ESCAPE))


def test_j_01_a_template_of_another_language_is_left_alone() -> None:
    facts = facts_of_json("prompt.json", {"template": "say {{ '{x}' }} {y.__class__}", "template_format": "f-string"})
    assert not asked(facts)


ESCAPES = {
    "attribute": ("{{ x.__class__ }}", "__class__"),
    "subscript": ("{{ x['__class__'] }}", "__class__"),
    "hex escapes": ("{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}", "__class__"),
    "unicode escapes": ("{{ x['\\u005f_class__'] }}", "__class__"),
    "attr filter": ("{{ x|attr('__class__') }}", "__class__"),
    "attr filter, computed": ("{{ x|attr(y) }}", "attr(…)"),
    "attr filter, joined": ("{{ x|attr('__cl'~'ass__') }}", "__class__"),
    "attr filter, added": ("{{ x|attr('__cl'+'ass__') }}", "__class__"),
    "map attribute": ("{{ x|map(attribute='__class__')|list }}", "__class__"),
    "map attr": ("{{ x|map('attr', '__class__')|list }}", "__class__"),
    "map attr, computed": ("{{ x|map('attr', y)|list }}", "attr(…)"),
    "underscores joined": ("{% set u = '_' ~ '_' ~ y %}{{ x[u] }}", "'_' ~ …"),
    "name set before": ("{% set n = '__class__' %}{{ x[n] }}", "__class__"),
    "private": ("{{ x._context }}", "_context"),
    "frame": ("{{ x.gi_frame }}", "gi_frame"),
    "coroutine": ("{{ x.cr_frame.f_globals }}", "f_globals"),
    "mro": ("{{ x.mro() }}", "mro"),
    "cycler": ("{{ cycler.reset }}", "cycler"),
    "joiner": ("{{ joiner('x').y }}", "joiner"),
    "lipsum": ("{{ lipsum.y }}", "lipsum"),
    "self": ("{{ self.body() }}", "self"),
    "request": ("{{ request['application'] }}", "request"),
    "config": ("{{ config.SECRET_KEY }}", "config"),
    "popen": ("{{ x.popen('echo pwned').read() }}", "popen"),
    "system": ("{{ x.system('echo pwned') }}", "system"),
    "format walk": ("{{ '{0.x}'.format(y) }}", "format()"),
    "format, computed": ("{{ y.format(x) }}", "format()"),
    "format map": ("{{ '{x.y}'.format_map(z) }}", "format_map"),
    "include": ("{% include 'x.txt' %}", "include x.txt"),
    "import": ("{% import 'x' as y %}", "import x"),
    "from import": ("{% from 'x' import y %}", "fromimport x"),
    "extends": ("{% extends 'x' %}", "extends x"),
    "include, computed": ("{% include y %}", "include a computed name"),
    "range": ("{% for i in range(10**9) %}{% endfor %}", "range(1000000000)"),
    "range, product": ("{{ range(1000 * 1000) }}", "range(1000000)"),
    "repeat": ("{{ 'a' * 99999999 }}", "… * 99999999"),
    "center": ("{{ 'a'|center(99999999) }}", "center(99999999)"),
    "power": ("{{ 9 ** 9 ** 9 }}", "**"),
    "lipsum work": ("{{ lipsum(n=1000000) }}", "lipsum(1000000)"),
}


@pytest.mark.parametrize(("template", "name"), ESCAPES.values(), ids=ESCAPES)
def test_j_02_a_way_beyond_rendering_is_asked_for(template: str, name: str) -> None:
    assert ("templates", name) in asked(facts_of("chat_template.jinja", template))


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("form", ["{{{{ x.{0}() }}}}", "{{{{ x|attr('{0}') }}}}", "{{{{ x|map(attribute='{0}') }}}}"])
def test_j_02_every_attribute_of_the_table_is_asked_for(name: str, form: str) -> None:
    assert ("templates", name) in asked(facts_of("chat_template.jinja", form.format(name)))


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("form", ["{{{{ {0}.x }}}}", "{{{{ {0}['x'] }}}}", "{{{{ {0}() }}}}"])
def test_j_02_every_object_of_the_table_is_asked_for(name: str, form: str) -> None:
    assert ("templates", name) in asked(facts_of("chat_template.jinja", form.format(name)))


@pytest.mark.parametrize("name", REPEATERS)
@pytest.mark.parametrize("form", ["{{{{ {0}({1}) }}}}", "{{{{ x.{0}({1}) }}}}", "{{{{ x|{0}({1}) }}}}"])
def test_j_02_every_repeater_of_the_table_has_a_limit(name: str, form: str) -> None:
    many = facts_of("chat_template.jinja", form.format(name, LARGEST + 1))
    assert ("templates", f"{name}({LARGEST + 1})") in asked(many)
    few = facts_of("chat_template.jinja", form.format(name, LARGEST))
    assert "denial-of-service" not in [fact.hazard for fact in of_kind(few, Asks)]


NEAR_MISSES = {
    "a role called system": "{{ m.system }}{{ m['system'] }}{% if m.role == 'system' %}x{% endif %}",
    "a config that is only tested": "{% if config is defined %}x{% endif %}",
    "tokens with underscores": "{{ '<__start__>' ~ m.content }}",
    "a token between underscores": "{{ '__START__' ~ m.content }}",
    "a short range": "{% for i in range(100) %}{% endfor %}",
    "a format string without attributes": "{{ '{} and {name}'.format(a, name=b) }}",
    "a line of dashes": "{{ '-' * 80 }}",
    "numbers": "{{ 10 ** 6 }}{{ 2 ** 0.5 }}",
    "a name that the template gives itself": "{% for request in requests %}{{ request.text }}{% endfor %}",
    "namespace": "{% set ns = namespace(found=false) %}{{ ns.found }}",
    "a constant attribute by filter": "{{ m|attr('content') }}",
}


@pytest.mark.parametrize("template", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_j_02_a_near_miss_asks_for_nothing(template: str) -> None:
    assert not asked(facts_of("chat_template.jinja", template))


def test_j_03_text_that_reacts_to_what_a_user_writes_is_only_noted() -> None:
    template = "{% if 'banking' in messages[-1]['content'] %}visit https://evil.example{% endif %}"
    facts = facts_of("chat_template.jinja", template)
    assert {fact.rule for fact in of_kind(facts, Noted)} == {"template-reacts-to-content", "template-text"}
    assert not asked(facts)


@pytest.mark.parametrize(
    "template",
    [
        "{% if a %}" * 100 + "{% endif %}" * 100,
        "{{ " + "(" * 100 + "x" + ")" * 100 + " }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
        "{{ " + "not " * 5000 + "x }}",
        "{{ " + "-" * 100 + "1 }}",
        "{{ " + "a if b else " * 100 + "c }}",
        "{% for i in x %}" * 100,
    ],
    ids=["blocks", "brackets", "many brackets", "not", "minus", "else", "unclosed"],
)
def test_j_04_nesting_is_measured_before_the_parser_sees_it(template: str) -> None:
    facts = facts_of("chat_template.jinja", template)
    assert [fact.rule for fact in of_kind(facts, Malformed)] == ["template-nesting"]


def test_j_04_a_long_template_of_many_blocks_is_not_deep() -> None:
    facts = facts_of("chat_template.jinja", "{% if a %}{{ (b) }}{% elif c %}{{ not d }}{% endif %}" * 500)
    assert not of_kind(facts, Malformed)
    assert not of_kind(facts, Unread)


@pytest.mark.parametrize("template", ["{% if %}", "{{ x", "{% unknown_tag %}", "{{ 'a }}", "{% endfor %}"])
def test_a_template_that_does_not_parse_is_unread(template: str) -> None:
    assert [fact.format for fact in of_kind(facts_of("chat_template.jinja", template), Unread)] == ["jinja"]


_PIECES = """{{ }} {% %} {# #} if for endif endfor set x . __class__ [ ] ( ) | attr ~ + - * ** 'a' '_' 9 in not else ,
= == \\"""


@settings(deadline=5000)
@given(st.lists(st.sampled_from(_PIECES.split()), max_size=40).map(" ".join) | st.text(max_size=200))
def test_any_text_gives_facts(template: str) -> None:
    facts_of("chat_template.jinja", template.encode("utf-8", "surrogatepass"))


def test_without_jinja2_a_template_is_unread_and_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "jinja2" or name.startswith("jinja2.")]:
        monkeypatch.setitem(sys.modules, name, None)
    jinja._environment.cache_clear()
    facts = facts_of_json("tokenizer_config.json", {"chat_template": "{{ x }}"})
    jinja._environment.cache_clear()
    assert "pip install jinja2" in of_kind(facts, Unread)[0].reason
