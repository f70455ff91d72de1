"""The small templates of make_constructs.py, by what they try. One a line where possible."""

WHITE_SPACE = r"""
a {{ 1 }} b
a {{- 1 -}} b
a {{+ 1 }} b
a {%- if true -%} b {%- endif -%} c
a {%+ if true +%} b {%+ endif +%} c
  {% if true %} b {% endif %} c
{# comment #} a {#- comment -#} b
a{#+ comment +#} b
{% raw %} {{ x }} {% if %} {% endraw %}
a {%- raw -%}  {{ x }}  {%- endraw -%} b
{% raw %}{% raw %}{% endraw %}
{% raw %}{# c #}{%endraw%}
{{ '{{' }}{{ "%}" }}{{ '}}' }}
{{ {'a': {'b': 1}}['a']['b'] }}
{{ {'a': {'b': 1}} }}
{}{ }{ %}{a} %} }} #}
{%if true%}a{%else%}b{%endif%}
{{1}}{{2}}
{{-1}}|{{- 1}}|{{ -1 }}|{{+1}}
""".strip("\n").split("\n") + [
    "a\n{% if true %}\nb\n{% endif %}\nc\n",
    "a\n  {% if true %}\n  b\n  {% endif %}\n  c\n\n",
    "a\n  {%+ if true %}\n  b\n  {%+ endif +%}\n  c",
    "a\n{%- if true %}\n  b\n{%- endif %}\n  c",
    "a \n\n {%- if true -%} \n\n b \n {%- endif -%} \n c",
    "{% if true %}\n\n\na{% endif %}",
    "  {{ 1 }}\n  {{ 2 }}\n",
    "x\r\ny\rz\n{{ 'a\r\nb' }}",
    "a\n\n",
    "\n",
    "",
    "{# a\nb #}\nc\n {# d #}\n e",
    "a\n  {# c #}  b\n",
    "a\n  {# c -#}  \n  b\n",
    "  {#- c +#}\nb",
    "\t {% set x = 1 %}\n{{ x }}\n",
    "a\n\t{% set x = 1 %} b\n",
    "  {% raw %}\n  a\n  {% endraw %}\n b",
    "a {% raw -%}\n  {{ b }}\n  {%- endraw %}\n c",
    "{% for i in [1, 2] %}\n  {{ i }}\n{% endfor %}\nend",
    "{% for i in [1, 2] -%}\n  {{ i }}\n{%- endfor %}\nend",
    "\u00a0{%- if true %}\u2003x\u2003{%- endif %}y",
    "a\n\u00a0 {% if true %}b{% endif %}",
    "{{ 1\n+\n2 }}\n{{\n3\n}}",
    "{%\nif true\n%}a{%\nendif\n%}",
    "{% if true %}a{% endif %}\n{% if true %}b{% endif %}\n\nc",
    "{{ 'a' -}}\n  b {{- 'c' }}\n",
]

LITERALS = r"""
{{ 1 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 00 }} {{ 0_0 }}
{{ 1.5 }} {{ 1e3 }} {{ 1.5e-3 }} {{ 1E+2 }} {{ 1_0.2_5 }} {{ 12e0 }}
{{ 1.0 }} {{ 100000000000000000.0 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 1e-5 }} {{ 0.0001 }} {{ 1e22 }}
{{ 0.1 + 0.2 }} {{ 1/3 }} {{ 2/1 }} {{ 1e308 * 10 }} {{ -1e308 * 10 }} {{ 5e-324 }}
{{ 'a\nb\tc\\d\'e\"f' }} {{ "a'b" }} {{ 'a"b' }}
{{ '\x41\u00e9\U0001F600\101\60' }} {{ '\q\%' }}
{{ '\a\b\f\v\r' | tojson }}
{{ 'a' 'b' "c" }}
{{ true }} {{ True }} {{ false }} {{ False }} {{ none }} {{ None }}
{{ [] }} {{ [1] }} {{ [1, 2,] }} {{ () }} {{ (1,) }} {{ (1, 2) }} {{ 1, 2 }} {{ {} }} {{ {'a': 1, 'b': [1, (2,)],} }}
{{ [1, 'a', "b'c", 'd"e', 'f\'"g', 1.0, true, none, {'k': 'v'}] }}
{{ ['\n\t\r\\\x00\x7f\u00e9\u200b\u00a0\ud7ff'] }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }} {{ {'a': 1, 'a': 2, 'b': 3} }}
{{ {(1, 2): 'x'}[(1, 2)] }} {{ {none: 1}[none] }}
{{ 5 if true }}|{{ 5 if false }}|{{ 5 if false else 6 }}|{{ 1 if 0 else 2 if 0 else 3 }}
{{ 12abc }}
{{ 'unclosed }}
{{ [1, 2 }}
{{ (1, 2] }}
{{ 1 + }}
{{ }}
{{ 08 }}
{{ 1 2 }}
{{ a b }}
{{ 'a' + 1 2 }}
{{ @ }}
{{ a ? b }}
{{ 1 !}}
{{ x.y.z.1.5 }}
{{ ü }} {% set ü = 'uml' %}{{ ü }}
{{ 1..2 }}
{{ {'a' 1} }}
{{ {1, 2} }}
{{ f(a=1, 2) }}
{{ f(*[1], 2) }}
{{ f(a=1, a=2) }}
{{ x | }}
{{ x is }}
{{ 'x' is string is string }}
{{ not }}
{{
{%
{#
{% if true %}
{% for x in [1] %}a
{% endif %}
{% else %}
{% unknown %}
{% if true %}{% endfor %}
{% if %}a{% endif %}
{% for in [1] %}{% endfor %}
{% for x [1] %}{% endfor %}
{% set %}
{% set 1 = 2 %}
{% set x.y.z = 2 %}
{% set true = 2 %}
{% set x = %}
{% macro %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% break %}
{% continue %}
{% macro m() %}{% break %}{% endmacro %}
{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for i in [1] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
{% raw %}
{% endraw %}
{% 1 %}
{{ x | nosuchfilter }}
{{ x is nosuchtest }}
{% if false %}{{ x | nosuchfilter }}{% endif %}ok
{% if false %}{{ x is nosuchtest }}{% endif %}ok
{% for i in [] %}{{ x | nosuchfilter }}{% endfor %}ok
{{ 1 if true else x | nosuchfilter }}
{{ messages[0].role }}{{ messages[0]['role'] }}{{ messages[0]["ro" ~ "le"] }}{{ messages.0.role }}{{ messages.1['content'] }}
""".strip("\n").split("\n")

OPERATORS = r"""
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }}
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ -0.0 }} {{ 0.0 * -1 }} {{ 4.0 % 2 }} {{ -4.0 % 2 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** 0.5 }} {{ 0 ** 0 }} {{ 4 ** 0.5 }} {{ (-8) ** 3 }} {{ (-1) ** 1001 }}
{{ 1 + true }} {{ true + true }} {{ -true }} {{ +true }} {{ true * 3 }} {{ 1 == true }} {{ 1 == 1.0 }} {{ 0 == false }} {{ '1' == 1 }} {{ none == false }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 1.0 // 0 }}
{{ 0 ** -1 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' - 'b' }}
{{ none + 1 }}
{{ -'a' }}
{{ 'a' + 'b' ~ 'c' + 'd' }} {{ 1 ~ 2 ~ none ~ true ~ [1] ~ 1.0 ~ missing }}
{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'ab' * 0 }} {{ 'ab' * -1 }} {{ [1, 2] * 2 }} {{ (1,) * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }}
{{ [1] + (2,) }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }} {{ 'a' < 'b' }} {{ 'a' < 'B' }} {{ [1, 2] < [1, 3] }} {{ (1,) < (1, 2) }} {{ 1 != 2 }} {{ 2 >= 2 }} {{ 3 <= 2 }}
{{ 'é' < 'z' }} {{ 'é' == 'é' }} {{ accented }} {{ 1 < 'a' }}
{{ none < 1 }}
{{ [1] < (2,) }}
{{ 'a' in 'abc' }} {{ '' in 'abc' }} {{ 'd' not in 'abc' }} {{ 1 in [1, 2] }} {{ 1.0 in [1] }} {{ 'a' in {'a': 1} }} {{ 1 not in (1, 2) }} {{ 'x' in [] }} {{ not 'a' in 'abc' }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ missing in 'abc' }}
{{ missing in [1] }} {{ 'a' in missing }} {{ missing == missing2 }} {{ missing == none }} {{ missing != none }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 2 }} {{ '' or 'x' }} {{ 1 or x.y }} {{ not 1 }} {{ not not 1 }} {{ 1 and 0 or 3 }} {{ not 1 == 2 }} {{ none or false }} {{ [] and 1 }}
{{ not true and false }} {{ not (true and false) }} {{ true or false and false }}
{{ 1 + 2 == 3 and 'a' in 'ab' or false }} {{ 10 - 2 - 3 }} {{ 100 // 7 // 2 }} {{ 2 * 3 % 4 }} {{ 1 - -1 }} {{ - - 1 }}
{{ -1 | abs }} {{ (-1) | abs }} {{ 2 + '3' | int }} {{ 1.5 | int + 1 }} {{ 'a' ~ 1 + 2 }}
{{ missing + 1 }}
{{ 'a' + missing }}
{{ missing < 1 }}
{{ -missing }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing() }}
{{ missing }}|{{ messages.nope }}|{{ messages[99] }}|{{ messages[0].nope }}|{{ messages[0]['nope'] }}|{{ nested.nope is defined }}|{{ 5 .x }}
{{ messages.nope.x }}
{{ messages[99].x }}
{{ none.x }}|{{ none['x'] }}|{{ 5['a'] }}|{{ 'abc'['x'] }}|{{ 'abc'.x }}|{{ true.x }}
{{ none.x.y }}
{{ messages.append(1) }}
{{ messages.append is defined }} {{ messages.append }}|{{ ''.__class__ }}|{{ nested.__class__ }}|{{ nested.update }}
{{ ''.__class__.x }}
{{ nested.update({'a': 1}) }}
{{ nested.pop('alpha') }}
{{ numbers[0] }} {{ numbers[-1] }} {{ numbers[true] }} {{ numbers['0'] }} {{ numbers[1.0] }} {{ numbers[5] }} {{ numbers[-4] }}
{{ numbers[0:2] }} {{ numbers[1:] }} {{ numbers[:-1] }} {{ numbers[::-1] }} {{ numbers[::2] }} {{ numbers[-2:] }} {{ numbers[5:] }} {{ numbers[2:0:-1] }} {{ numbers[:] }} {{ numbers[-9:9] }} {{ numbers[none:none] }}
{{ 'abcdef'[1:4] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-3:] }} {{ 'abcdef'[::-2] }} {{ 'abc'[0] }} {{ 'abc'[-1] }} {{ 'abc'[7] }} {{ 'abc'[1:1] }} {{ 'abcdef'[4:1:-1] }} {{ 'abc'[-100:100:1] }}
{{ accented | length }} {{ accented[0] }} {{ accented[2] }} {{ accented[3] }} {{ accented[-1] }} {{ accented[::-1] }} {{ accented[1:3] }} {{ accented[3:] }} {{ accented == 'éé😀z' }}
{{ (1, 2, 3)[1:] }} {{ range(10)[2:5] }} {{ range(10)[::3] | list }} {{ range(5) }} {{ range(1, 9, 2) }} {{ range(5)[-1] }} {{ range(3) == range(0, 3) }}
{{ numbers[::0] }}
{{ numbers['a':] }}
{{ nested['alpha'][1][1]['k'] }} {{ nested.alpha[1][1].k }} {{ nested[''] }} {{ nested['Beta'].x }} {{ nested.empty }} {{ nested }}
{{ nested.items() }} {{ nested.keys() | list }} {{ nested.values() | list | length }} {{ nested.get('nope') }} {{ nested.get('nope', 1) }}
{{ nested.get('Beta').x }} {{ nested.get('x', {}).get('y', 'z') }} {{ nested.keys() }} {{ 'Beta' in nested.keys() }} {{ nested.items() | length }} {{ nested.copy() == nested }}
{{ {'items': 1}['items'] }} {{ {'x': 1}.x }} {{ {'keys': [1]}['keys'][0] }}
{{ nested[[1]] }} {{ nested[{}] }}|
{{ {[1]: 2} }}
{{ 5() }}
{{ 'a'() }}
{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}
{{ 'x' if messages[0].role == 'system' and not missing else 'y' }}
{{ 1 is divisibleby 1 }} {{ not 1 is even }} {{ 1 is not even }} {{ 1 + 1 is even }} {{ (1 + 1) is even }} {{ -1 is odd }}
""".strip("\n").split("\n")

STATEMENTS = r"""
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}
{% for x in numbers %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x // 2) }} {% endfor %}
{% for x in numbers %}{{ loop.cycle() }}{% endfor %}
{% for x in [] %}a{% else %}b{% endfor %}
{% for x in numbers %}a{% else %}b{% endfor %}
{% for x in numbers if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}
{% for x in numbers if x > 5 %}{{ x }}{% else %}none{% endfor %}
{% for k, v in nested.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in nested %}{{ k }};{% endfor %}
{% for (a, b) in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for a, b in [1] %}{{ a }}{% endfor %}
{% for a, in [[1], [2]] %}{{ a }}{% endfor %}
{% for a, b in ['xy', 'zw'] %}{{ b }}{{ a }}{% endfor %}
{% for c in 'aé😀' %}{{ c }}.{% endfor %}
{% for x in missing %}a{% else %}b{% endfor %}
{% for x in none %}a{% endfor %}
{% for x in 5 %}a{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{% for x in numbers + [9] %}{{ x }}{% endfor %}
{% for x in range(3) %}{% for y in range(2) %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }};{% endfor %}
{% for x in numbers %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in numbers %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in numbers %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}z{% endfor %}
{% for x in numbers %}{% break %}{% else %}z{% endfor %}
{% for x in numbers %}{% for y in numbers %}{% break %}{% endfor %}{{ x }}{% endfor %}
{% for x in numbers %}{% set y %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endset %}{{ y }}{% endfor %}
{% for x in numbers %}{% with z = x %}{% if z == 1 %}{% continue %}{% endif %}{{ z }}{% endwith %}{% endfor %}
{% for x in numbers %}{{ x }}{% endfor %}{{ x }}|{{ loop }}
{% set x = 5 %}{% for x in numbers %}{{ x }}{% endfor %}{{ x }}
{% set x = 5 %}{% for y in numbers %}{{ x }}{% set x = y %}{{ x }} {% endfor %}{{ x }}
{% for y in numbers %}{{ x }}{% set x = y %}{{ x }} {% endfor %}{{ x }}
{% set ns = namespace(x=5) %}{% for y in numbers %}{{ ns.x }}{% set ns.x = y %}{% endfor %}{{ ns.x }}
{% set ns = namespace() %}{{ ns.x is defined }}{% set ns.x = 1 %}{{ ns.x }}{{ ns['x'] }}{{ ns }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set ns = namespace(_x=1) %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set x = {} %}{% set x.y = 1 %}
{% set nope.y = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a, b = [1, 2, 3] %}
{% set (a, b) = 'xy' %}{{ a }}{{ b }}
{% set x = 1, 2 %}{{ x }}
{% set x, = [7] %}{{ x }}
{% set x %}a{{ 1 }}b{% endset %}{{ x }}{{ x | length }}
{% set x | upper %}a{{ 1 }}b{% endset %}{{ x }}
{% set x | replace('a', 'c') | upper %}a{{ 1 }}b{% endset %}{{ x }}
{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y }}
{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}
{% if false %}{% set x = 1 %}{% endif %}{{ x is defined }}
{% if true %}{% set x = 1 %}{% endif %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% for i in [1] %}{% if true %}{% set bos_token = 'q' %}{% endif %}{{ bos_token }}{% endfor %}{{ bos_token }}
{% set bos_token = bos_token ~ '!' %}{{ bos_token }}
{% if numbers %}a{% elif 1 %}b{% else %}c{% endif %}{% if '' %}a{% elif 0.0 %}b{% elif {} %}d{% else %}c{% endif %}
{% if 1, %}tuple{% endif %}
{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ system }}{{ rest | length }}
{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m(a=0) }}{{ m() }}{{ m(1, 2, 3) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}
{% macro m(a) %}{{ varargs | length }}{% endmacro %}{{ m(1, 2, 3) }}
{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}
{% macro m() %}{% set x = 5 %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{{ x }}
{% macro m() %}{{ i }}{% endmacro %}{% for i in numbers %}{{ m() }}{% endfor %}
{% for i in numbers %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% macro m() %}a{% endmacro %}{{ m() | upper }}{{ m() ~ 'b' }}{{ m() == 'a' }}{{ m().strip() }}{{ m is callable }}{{ m.name }}{{ m }}
{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{% endcall %}
{% macro m() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b=3) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}<{{ caller() if caller else 'none' }}>{% endmacro %}{{ m() }}{% call m() %}x{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}x{% endcall %}
{% call 5 %}x{% endcall %}
{% filter upper %}abc{{ 'd' }}{% endfilter %}
{% filter replace('a', 'b') | upper %}abc{% set q = 1 %}{% endfilter %}{{ q }}
{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% set a = 7 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}
{% generation %}{{ messages[2].content }}{% set g = 1 %}{% endgeneration %}{{ g is defined }}
{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endif %}{% endfor %}
{% print 1, 2 %}
{{ raise_exception('No: ' ~ messages[0].role) }}
{{ raise_exception() }}
{% if false %}{{ raise_exception('x') }}{% endif %}ok
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %%') }} {{ strftime_now('') }} {{ strftime_now('%f') }}|{{ strftime_now('%z%Z') }}
{{ strftime_now is defined }} {{ range is callable }} {{ namespace is defined }} {{ dict(a=1, b='x') }} {{ dict({'a': 1}, c=2) }} {{ dict([('k', 'v')]) }} {{ dict() }}
{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(10, 0, -3) | list }} {{ range(0) | list }} {{ range(-2) | list }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ range(100001) | length }}
{% do messages.append(1) %}
{% trans %}x{% endtrans %}
{% for i in range(5) %}{% if i is odd %}{% continue %}{% endif %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for m in messages[::-1] %}{% set i = messages | length - 1 - loop.index0 %}{{ i }}{{ m.role[0] }} {% endfor %}
{% for m in messages | reverse %}{{ m.role }} {% endfor %}
{% set ns = namespace(found=false) %}{% for m in messages %}{% if not ns.found and m.role == 'user' %}{% set ns.found = true %}{{ loop.index }}{% endif %}{% endfor %}
{% set ns = namespace(l=[]) %}{% for x in numbers %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}
{% set xs = numbers | select('odd') %}{{ xs | list }}{{ xs | list }}
{% set xs = numbers | map('string') %}{% for x in xs %}{{ x }}{% endfor %}{% for x in xs %}{{ x }}{% endfor %}
{% set xs = numbers | reject('odd') %}{{ 'y' if xs else 'n' }}{{ xs is iterable }}{{ xs is sequence }}
{{ (numbers | select('odd')) | first }}{{ (numbers | select('odd')) | length }}
{{ (numbers | select('odd'))[0] }}|
{{ loop.index }}
{% for loop in [1] %}{% endfor %}
""".strip("\n").split("\n")

FILTERS = r"""
{{ -5 | abs }} {{ (-5) | abs }} {{ -2.5 | abs }} {{ true | abs }} {{ 'a' | abs }}
{{ 'hELLO wORLD' | capitalize }} {{ 'hELLO wORLD' | title }} {{ "it's a-b (c) [d]" | title }} {{ 'ß' | upper }} {{ 'ΑΣ ΣΑΣ' | lower }} {{ 'ÉÀ' | lower }} {{ 'ǆ' | capitalize }}
{{ 'abc' | length }} {{ accented | count }} {{ nested | length }} {{ [] | length }} {{ missing | length }} {{ 5 | length }}
{{ none | length }}
{{ missing | default('x') }} {{ none | default('x') }} {{ none | default('x', true) }} {{ '' | d('y', boolean=true) }} {{ missing | d }}| {{ 0 | default(5) }} {{ messages.nope | default([]) }} {{ missing.x | default(1) }}
{{ nested | dictsort }}
{{ {'b': 1, 'A': 3, 'c': 2} | dictsort }} {{ {'b': 1, 'A': 3} | dictsort(true) }} {{ {'b': 1, 'A': 3, 'c': 2} | dictsort(by='value', reverse=true) }} {{ {'b': 1} | dictsort(by='x') }}
{{ html | e }} {{ html | escape }} {{ html | safe }} {{ 5 | e }} {{ html }}
{{ numbers | first }} {{ [] | first }}| {{ 'abc' | first }} {{ '' | first }}| {{ nested | first }} {{ numbers | last }} {{ [] | last }}| {{ 'abé' | last }} {{ nested | last }}
{{ '3.5' | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ 3 | float }} {{ none | float }} {{ ' 1e3 ' | float }} {{ 'inf' | float }} {{ 'nan' | float }} {{ '.5' | float }} {{ '5.' | float }} {{ '1_0' | float }} {{ '0x10' | float }}
{{ '42' | int }} {{ '42.7' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '0x1f' | int(base=16) }} {{ '1f' | int(0, 16) }} {{ '101' | int(base=2) }} {{ 3.99 | int }} {{ -3.99 | int }} {{ none | int }} {{ true | int }} {{ ' 12 ' | int }} {{ '1_000' | int }} {{ '-5' | int }} {{ '1e3' | int }} {{ [] | int }}
{{ 'inf' | int }} {{ 'nan' | int }} {{ '' | int }} {{ '+7' | int }} {{ '--7' | int }} {{ '0b11' | int(0, 0) }}
{{ missing | int }}
{{ lines | indent }}
{{ lines | indent(2) }}
{{ lines | indent(2, true) }}
{{ lines | indent(width='> ', blank=true, first=true) }}
{{ '' | indent }}|{{ 'a' | indent(2, true) }}|{{ 'a\n' | indent }}|{{ 'a\nb' | indent(0) }}
{{ 5 | indent }}
{{ nested | items | list }} {{ missing | items | list }} {{ [1] | items | list }}
{{ numbers | join }} {{ numbers | join(', ') }} {{ people | join('-', attribute='name') }} {{ 'abc' | join('.') }} {{ [1, none, 'x', 2.0] | join(' ') }} {{ [] | join(',') }} {{ missing | join }} {{ nested | join(',') }} {{ numbers | join(1) }}
{{ 'abc' | list }} {{ nested | list }} {{ (1, 2) | list }} {{ range(2) | list }} {{ missing | list }} {{ accented | list | length }}
{{ 5 | list }}
{{ people | map(attribute='name') | list }} {{ people | map(attribute='x', default='d') | list }} {{ people | map('length') | list }} {{ ['a', 'b'] | map('upper') | join }} {{ [1.5, 2.5] | map('int') | list }} {{ nested.alpha | map('string') | list }}
{{ people | map(attribute='name.0') | list }} {{ [[1, 2], [3, 4]] | map(attribute=1) | list }} {{ ['a,b', 'c'] | map('replace', ',', ';') | list }} {{ people | map(attribute='nope') | list }} {{ [] | map('nope') | list }}
{{ people | map | list }}
{{ people | map(attribute='nope.x') | list }}
{{ numbers | max }} {{ numbers | min }} {{ ['b', 'A', 'c'] | max }} {{ ['b', 'A', 'c'] | min }} {{ ['b', 'A'] | min(case_sensitive=true) }} {{ people | max(attribute='age') }} {{ [] | max }}| {{ 'hello' | max }}
{{ [1, 'a'] | max }}
{{ numbers | select | list }} {{ [0, 1, '', 'a'] | select | list }} {{ numbers | select('odd') | list }} {{ numbers | reject('odd') | list }} {{ numbers | select('gt', 1) | list }} {{ numbers | select('>', 1) | list }} {{ numbers | select('in', [1, 2]) | list }} {{ [1, 'a', none] | select('string') | list }} {{ numbers | select('divisibleby', 3) | list }}
{{ people | selectattr('age', 'equalto', 41) | map(attribute='name') | list }} {{ people | selectattr('nope') | list }} {{ people | selectattr('age') | list | length }} {{ people | rejectattr('age', 'eq', 41) | list }} {{ people | selectattr('nope', 'defined') | list }} {{ people | selectattr('city', 'in', ['Ulm', 'Bonn']) | list | length }} {{ messages | selectattr('role', '==', 'user') | list | length }}
{{ messages | rejectattr('role', 'equalto', 'system') | map(attribute='role') | join(',') }} {{ messages | selectattr('tool_calls') | list | length }} {{ messages | selectattr('tool_calls', 'undefined') | list | length }}
{{ people | selectattr | list }}
{{ 'aXbXc' | replace('X', '-') }} {{ 'aXbXc' | replace('X', '-', 1) }} {{ 'abc' | replace('', '.') }} {{ 'abc' | replace('', '.', 2) }} {{ 5 | replace('5', '6') }} {{ 'a1' | replace(1, 2) }} {{ 'aaa' | replace('aa', 'b') }} {{ accented | replace('é', 'E') }} {{ 'abc' | replace('b', none) }}
{{ 'abc' | replace('b') }}
{{ 'abc' | reverse }} {{ numbers | reverse | list }} {{ accented | reverse }} {{ nested | reverse | list }} {{ (numbers | map('string')) | reverse | list }} {{ missing | reverse | list }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.567 | round(1, 'floor') }} {{ 2.511 | round(2, 'ceil') }} {{ 3 | round }} {{ 2.675 | round(2) }} {{ -2.5 | round }} {{ 42.55 | round | int }} {{ 3 | round(method='ceil') }} {{ 0.5 | round }} {{ 1e20 | round }}
{{ 'a' | round }}
{{ 2 | round(method='x') }}
{{ numbers | sort }} {{ numbers | sort(reverse=true) }} {{ ['b', 'A', 'c'] | sort }} {{ ['b', 'A', 'c'] | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name') | map(attribute='name') | list }} {{ people | sort(reverse=true, attribute='age') | map(attribute='name') | list }} {{ 'hello' | sort }} {{ nested | sort }}
{{ [1, 'a'] | sort }}
{{ 5 | string }} {{ none | string }} {{ numbers | string | length }} {{ missing | string }}|
{{ numbers | sum }} {{ [] | sum }} {{ [1.5, 2] | sum }} {{ people | sum(attribute='age') }} {{ [1] | sum(start=10) }} {{ [[1], [2]] | sum(start=[]) }} {{ ['a'] | sum }}
{{ nested | tojson }} {{ messages[2] | tojson }} {{ accented | tojson }} {{ accented | tojson(ensure_ascii=true) }} {{ html | tojson }} {{ '\x7f/\u2028' | tojson }} {{ '\x7f' | tojson(true) }}
{{ nested | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {'a': [], 'b': {}} | tojson(indent=4) }} {{ [1, 2] | tojson(indent=0) }} {{ [1] | tojson(indent='--') }}
{{ {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true) }} {{ {'a': [1, 2]} | tojson(separators=(',', ':')) }} {{ {'a': [1, 2]} | tojson(separators=(',', ':'), indent=1) }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}
{{ [1.0, 1e16, 1e-7, true, none, (1, 2), 'x'] | tojson }} {{ ['nan' | float, 'inf' | float] | tojson }} {{ 'a' | tojson }} {{ 1 | tojson }}
{{ missing | tojson }}
{{ range(3) | tojson }}
{{ nested.items() | tojson }}
{{ {(1, 2): 3} | tojson }}
{{ namespace | tojson }}
{{ '  a b ' | trim }}| {{ 'xxaxx' | trim('x') }}| {{ '\u00a0\u2003a\n' | trim }}| {{ 5 | trim }} {{ 'abcba' | trim('ab') }} {{ 'éaé' | trim('é') }} {{ missing | trim }}|
{{ 'foo bar baz qux' | truncate(9) }} {{ 'foo bar baz qux' | truncate(9, true) }} {{ 'foo bar baz qux' | truncate(11) }} {{ 'foo bar baz qux' | truncate(11, false, '...', 0) }} {{ 'foobar' | truncate(3, leeway=0) }} {{ 'abc' | truncate(1) }}
{{ [1, 2, 1, 'a', 'A'] | unique | list }} {{ ['a', 'A'] | unique(true) | list }} {{ people | unique(attribute='age') | map(attribute='name') | list }}
{{ 'a b/ü?&' | urlencode }} {{ {'a b': 'c&d', 'e': 1} | urlencode }} {{ [('x', 'y z')] | urlencode }} {{ 5 | urlencode }}
{{ 'one two, three_4 five-six' | wordcount }} {{ '' | wordcount }}
{{ 'abc' | center(9) }}| {{ 'abc' | center(8) }}| {{ 'abcd' | center(9) }}| {{ 'abc' | center(2) }}
{{ '%s is %d' | format('x', 5) }} {{ '%(a)s' | format(a=1) }} {{ '%s' | format }}
{% for row in [1, 2, 3, 4, 5] | batch(2) %}{{ row }}{% endfor %} {{ [1, 2, 3] | batch(2, 'x') | list }} {{ [] | batch(2) | list }}
{{ [1, 2, 3, 4, 5] | slice(3) | list }} {{ [1, 2, 3, 4] | slice(3, 'x') | list }}
{% for g in people | groupby('city') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join('+') }} {% endfor %} {% for c, l in people | groupby('age') %}{{ c }}{{ l | length }} {% endfor %}
{{ people | groupby('nope', default='z') | length }} {{ people | groupby('city', case_sensitive=true) | map(attribute='grouper') | list }} {{ (people | groupby('age'))[0][0] }} {{ people | groupby('age') | map('first') | list }}
{{ nested | attr('items') is callable }} {{ nested | attr('Beta') }}| {{ 'a' | attr('upper') is defined }}
{{ 'a' | upper(1) }}
{{ 'a' | trim(chars='a', x=1) }}
{{ 'a' | default(1, 2, 3) }}
{{ [3, 1] | sort | first }} {{ 'a,b' | replace(',', ' ') | upper | length }} {{ numbers | map('string') | map('length') | sum }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 'nope' is test }}
{{ 'a' | forceescape }} {{ '<' | forceescape }}
""".strip("\n").split("\n")

TESTS = r"""
{{ missing is defined }} {{ bos_token is defined }} {{ missing is undefined }} {{ messages[0].x is not defined }} {{ none is defined }}
{{ none is none }} {{ missing is none }} {{ 0 is none }} {{ tools is none }} {{ tools is not none }}
{{ 'a' is string }} {{ 1 is string }} {{ missing is string }} {{ 1 is number }} {{ 1.5 is number }} {{ true is number }} {{ '1' is number }}
{{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 1 is float }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }} {{ none is false }}
{{ {} is mapping }} {{ [] is mapping }} {{ '' is iterable }} {{ [] is iterable }} {{ 5 is iterable }} {{ {} is iterable }} {{ missing is iterable }} {{ none is iterable }}
{{ '' is sequence }} {{ [] is sequence }} {{ {} is sequence }} {{ 5 is sequence }} {{ () is sequence }} {{ range(1) is sequence }} {{ nested.items() is sequence }} {{ nested.items() is iterable }} {{ missing is sequence }}
{{ range is callable }} {{ 'a'.upper is callable }} {{ 5 is callable }} {{ missing is callable }} {{ nested.get is callable }} {{ namespace() is callable }} {{ namespace() is iterable }} {{ namespace() is mapping }}
{{ 2 is even }} {{ 2 is odd }} {{ 3 is odd }} {{ -3 is odd }} {{ 2.0 is even }} {{ true is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 0 is even }}
{{ 'a' is even }}
{{ missing is even }}
{{ 1 is eq 1 }} {{ 1 is equalto 1.0 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is le 2 }} {{ 3 is gt 2 }} {{ 2 is ge 3 }} {{ 1 is lessthan 2 }} {{ 2 is greaterthan(1) }} {{ 'a' is eq('a') }}
{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1, 2] }} {{ 'k' is in {'k': 1} }} {{ 1 is in(numbers) }}
{{ none is sameas none }} {{ true is sameas true }} {{ 1 is sameas true }} {{ numbers is sameas numbers }} {{ [] is sameas [] }}
{{ 'abc' is lower }} {{ 'aBc' is lower }} {{ 'ABC' is upper }} {{ '123' is upper }} {{ '' is lower }} {{ 5 is lower }} {{ 'é1' is lower }}
{{ 'a' is escaped }} {{ 'a' is not string }} {{ not 'a' is string }} {{ 'a' is string and 1 is number }} {{ 'a' is string or missing.x }} {{ 'y' if 'a' is string else 'n' }} {{ messages[0].content is string }}
{{ 1 is eq }}
{{ 1 is defined(2) }}
{{ 1 is lt 'a' }}
{% if tools is not none and tools | length > 0 %}a{% else %}b{% endif %}{% if documents %}c{% endif %}{% if tools is iterable and tools | length > 0 %}d{% endif %}
{{ 3 is eq 1 + 2 }}
{{ 'a' is in ['a', 'b'] and 'b' is in 'b' }}
""".strip("\n").split("\n")

METHODS = r"""
{{ '  ab '.strip() }}| {{ '  ab '.lstrip() }}| {{ '  ab '.rstrip() }}| {{ 'xxaxx'.strip('x') }} {{ '<s>a<s>'.strip('<s>') }} {{ '\n\na\n'.strip('\n') }} {{ '\u00a0a\u3000'.strip() }}| {{ 'a'.strip(none) }} {{ ''.strip() }}|
{{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.split(',', 1) }} {{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b '.split() }} {{ ' a  b c '.split(none, 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('abc') }} {{ 'a b c'.split(maxsplit=1) }} {{ 'a-b-c'.split(sep='-', maxsplit=1) }} {{ 'aaa'.rsplit('aa') }} {{ 'aaa'.split('aa') }} {{ 'a\u2003b'.split() }} {{ 'a b c'.rsplit() }} {{ 'a b c'.split(' ', 0) }} {{ ' a '.split(none, 0) }}
{{ 'a</think>b'.split('</think>')[-1].lstrip('\n') }} {{ '<think>\nx\n</think>\n\ny'.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}
{{ 'a'.split('') }}
{{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ 'a\n'.splitlines() }} {{ ''.splitlines() }} {{ '\n'.splitlines() }} {{ 'a\r\n\rb\x0bc\x0cd\x1ce\x85f\u2029g'.splitlines() }} {{ 'a\nb'.splitlines(keepends=true) }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.startswith('b') }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('bc') }} {{ 'abc'.endswith('bc', 0, 2) }} {{ 'abc'.startswith('') }} {{ 'abc'.startswith('', 4) }} {{ 'abc'.endswith(()) }} {{ accented.startswith('é') }} {{ 'éa'.startswith('a', 1) }}
{{ 'abc'.startswith(1) }}
{{ 'abc'.startswith(['a']) }}
{{ 'aBc'.upper() }} {{ 'aBc'.lower() }} {{ "they're bill's".title() }} {{ 'aBC dEF'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'ß'.upper() }} {{ 'Straße'.casefold() }} {{ 'ﬁ x'.title() }} {{ ''.capitalize() }}| {{ 'ΌΔΟΣ'.lower() }}
{{ 'abcabc'.find('c') }} {{ 'abcabc'.find('x') }} {{ 'abcabc'.rfind('c') }} {{ 'abcabc'.find('c', 3) }} {{ 'abcabc'.find('c', -2) }} {{ 'abcabc'.find('c', 0, 2) }} {{ accented.find('z') }} {{ 'abc'.find('') }} {{ 'abc'.rfind('') }} {{ 'abc'.find('', 4) }} {{ 'abc'.index('b') }} {{ 'abcb'.rindex('b') }} {{ 'aéb'.rfind('b') }} {{ 'abcabc'.find('abc', 1) }}
{{ 'abc'.index('x') }}
{{ 'abab'.count('a') }} {{ 'aaa'.count('aa') }} {{ 'abc'.count('') }} {{ 'abab'.count('a', 1) }} {{ 'abab'.count('a', 1, 2) }} {{ 'é'.count('') }}
{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 1) }} {{ 'ab'.replace('x', 'y') }} {{ 'ab'.replace('a', 'y', 0) }} {{ 'ab'.replace('a', 'y', -1) }}
{{ 'ab'.replace(1, 2) }}
{{ 'ab'.replace('a') }}
{{ ', '.join(['a', 'b']) }} {{ ''.join([]) }}| {{ '-'.join('abc') }} {{ '-'.join(nested) }} {{ ','.join(numbers | map('string')) }} {{ ' '.join(('a',)) }}
{{ ','.join([1]) }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'abc'.removeprefix('x') }} {{ 'abc'.removesuffix('') }}
{{ 'ab'.center(5) }}| {{ 'ab'.center(5, '*') }} {{ 'ab'.ljust(4, '.') }} {{ 'ab'.rjust(4) }} {{ '5'.zfill(3) }} {{ '-5'.zfill(4) }} {{ 'ab'.center(1) }} {{ 'abc'.center(6, 'é') }}
{{ 'abc'.isalpha() }} {{ 'ab1'.isalnum() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ '12'.isdecimal() }} {{ ' \n'.isspace() }} {{ ''.isspace() }} {{ 'ab'.islower() }} {{ 'AB'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ 'é'.isascii() }} {{ ''.isascii() }} {{ '1a'.isdigit() }} {{ 'é'.isalpha() }}
{{ '{} {}'.format(1, 'a') }} {{ '{1} {0}'.format(1, 'a') }} {{ '{x}'.format(x=[1]) }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|{:*^5}'.format('a', 'b', 'c', 'd') }} {{ '{:05d} {:+d} {:x} {:,} {:b}'.format(42, 42, 255, 1234567, 5) }} {{ '{:.2f} {:8.3f} {:e} {:.1%} {:g}'.format(3.14159, 2.5, 12345.678, 0.256, 0.0001) }} {{ '{!r} {!s}'.format('a', 'b') }} {{ '{:5}|{:5}'.format(1, 'x') }} {{ '{:.2}'.format('abc') }} {{ '{:#x} {:X} {:o}'.format(255, 255, 8) }} {{ '{}'.format(none) }} {{ '{:d}'.format(true) }} {{ '{:,.2f}'.format(1234567.891) }}
{{ '{}'.format() }}
{{ '{} {0}'.format(1) }}
{{ '{x}'.format(1) }}
{{ '{:d}'.format('a') }}
{{ '{:>5}'.format(none) }}
{{ '{'.format() }}
{{ '%s %r %d %5d|%-5d|%05d %+d' % ('a', 'b', 1, 2, 3, 4, 5) }} {{ '%.2f %8.3f %e %g %G' % (3.14159, 2.5, 12345.678, 0.0001, 1e20) }} {{ '%x %X %o %#x %c %c' % (255, 255, 8, 255, 'x', 65) }} {{ '%%' % () }} {{ '%s' % 5 }} {{ '%s' % [1] }} {{ '%(a)s-%(b)d' % {'a': 1, 'b': 2} }} {{ '%5s|%-5s|%.2s' % ('a', 'b', 'cde') }} {{ '%d' % 3.9 }} {{ '%s' % none }} {{ '%*d' % (5, 1) }} {{ 'é%s' % 'é' }} {{ '%d' % true }} {{ '%i' % -3 }}
{{ '%d' % 'a' }}
{{ '%s %s' % 'a' }}
{{ '%s' % (1, 2) }}
{{ '%q' % 1 }}
{{ '%' % 1 }}
{{ '%(a)s' % 1 }}
{{ 'a' % 1 }}
{{ 'a' % {} }} {{ 'a' % [] }} {{ '%s' % missing }}|
{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {{ (1, 2).count(3) }} {{ [1, 2].copy() }} {{ [1, 2, 1].index(1, 1) }}
{{ [1].index(5) }}
{{ [1].nope }}|{{ [1].sort is defined }}
{{ [1].sort() }}
{{ 'abc'.nope() }}
{{ messages[0].content.upper()[::-1].lower().split('.')[1] }} {{ ('a' ~ 'b').upper() }} {{ ('x' if true).upper() }}
{{ nested.get() }}
{{ nested.get('a', 'b', 'c') }}
{{ nested.get([1]) }}
{{ nested.items() | first }} {{ nested.items() | list | last | first }} {{ nested.values() | first }} {{ (nested.items() | list)[0][0] }}
{{ nested.items()[0] }}|
{{ numbers.0 }} {{ 'abc'.0 }} {{ nested['alpha'].0 }} {{ messages[-1]['role'] }} {{ messages[-1].content[-3:] }}
{{ messages[1].content | trim | length }} {{ messages[1]['content'].strip() + '|' }} {{ (messages[1].content | trim) ~ eos_token }}
""".strip("\n").split("\n")

MANNER = [
    # As published templates put things together.
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% endfor %}",
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ add_generation_prompt }}",
    "{%- set ns = namespace(multi_step=true, last=messages | length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages | length - 1) - loop.index0 %}{%- if ns.multi_step and message.role == 'user' and message.content is string and not (message.content.startswith('<r>') and message.content.endswith('</r>')) %}{%- set ns.multi_step = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}{{ ns.last }}",
    "{%- for tool_call in messages[2].tool_calls %}{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}{{- '\\n<tool_call>\\n{\"name\": \"' + tool_call.name + '\", \"arguments\": ' + tool_call.arguments | tojson + '}\\n</tool_call>' }}{%- endfor %}",
    "{%- if messages[0]['role'] == 'system' -%}\n    {%- if messages[0]['content'] is string -%}\n        {%- set prefix = messages[0]['content'] + '\\n\\n' -%}\n    {%- else -%}\n        {%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}\n    {%- endif -%}\n    {%- set loop_messages = messages[1:] -%}\n{%- else -%}\n    {%- set prefix = '' -%}\n    {%- set loop_messages = messages -%}\n{%- endif -%}\n{%- for message in loop_messages -%}\n    {{ '<t>' + message.role + '\\n' + (prefix if loop.first else '') }}{{ message.content | trim }}{{ '</t>\\n' }}\n{%- endfor -%}\n",
    "{% macro render(content) %}{% if content is string %}{{ content }}{% else %}{% for part in content %}{{ part.text }}{% endfor %}{% endif %}{% endmacro %}{% for m in messages %}{{ render(m.content) }}|{% endfor %}",
    "{% set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' %}Today Date: {{ date }}",
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ 'x' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "{%- set user_messages = messages | selectattr('role', 'equalto', 'user') | list %}{%- for m in messages %}{%- if m == user_messages[-1] %}{{ 'last:' ~ loop.index0 }}{%- endif %}{%- endfor %}",
    "{{ messages[10].content }}",
    "{{ '%s' | format(messages[0].content) }}{% for message in messages if message.role != 'system' %}{{ loop.index }}{{ message.role }}{{ ',' if not loop.last }}{% endfor %}",
]

TEMPLATES = (
    WHITE_SPACE + LITERALS + OPERATORS + STATEMENTS + FILTERS + TESTS + METHODS + MANNER
)
