"""Small tools with a script that works: counter, to-do list, tabs, calculator, dark-mode switch, stopwatch.

No `eval`: the preview's content security policy forbids it.
"""

from __future__ import annotations

from random import Random

from train.synthetic import words
from train.synthetic.draft import Ask, Draft, Look, escape, page, pick_items
from train.synthetic.fillers import PARAGRAPHS
from train.synthetic.palette import PALETTES

_BLOCKS = ("card", "text", "btn", "stage")
_SHOW = ".show{display:block;margin:0 0 24px;font-size:4em;font-weight:800;line-height:1.2;color:var(--main)}"
_ROW = ".row{display:flex;flex-wrap:wrap;gap:12px;justify-content:center}"
_CENTER = ".card{text-align:center}"
_H1 = ".card h1{font-size:2em}"


def _tool(
    ask: Ask,
    chosen: Look,
    title: str,
    body: list[str],
    script: list[str],
    extra: tuple[str, ...],
    blocks: tuple[str, ...] = _BLOCKS,
) -> str:
    main = ['<section class="stage">', '<div class="card">', f"<h1>{escape(title)}</h1>", *body, "</div>", "</section>"]
    return page(ask, chosen, title, main, blocks=blocks, extra=(_H1, *extra), script=script)


def counter(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Minus, plus, reset; start and step as asked."""
    title = ask.name or "Counter"
    start, step = ask.facts.get("start", "0"), ask.facts.get("step", "1")
    button = ask.button or "Reset"
    body = [
        f'<output class="show" id="show">{start}</output>',
        '<div class="row">',
        f'<button onclick="add(-{step})">−</button>',
        f'<button onclick="add({step})">+</button>',
        f'<button onclick="show.textContent={start}">{escape(button)}</button>',
        "</div>",
    ]
    script = [
        "const show=document.getElementById('show');",
        "function add(n){show.textContent=Number(show.textContent)+n}",
    ]
    return Draft(
        title, title, _tool(ask, chosen, title, body, script, (_CENTER, _SHOW, _ROW)), "", [], [], None, button
    )


def timer(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A stopwatch with start, stop and reset."""
    title = ask.name or "Stopwatch"
    button = ask.button or "Reset"
    body = [
        '<output class="show" id="show">0.0</output>',
        '<div class="row">',
        '<button onclick="start()">Start</button>',
        '<button onclick="stop()">Stop</button>',
        f'<button onclick="reset()">{escape(button)}</button>',
        "</div>",
    ]
    script = [
        "const show=document.getElementById('show');",
        "let time=0,running=0;",
        "function start(){stop();running=setInterval(()=>{time+=1;show.textContent=(time/10).toFixed(1)},100)}",
        "function stop(){clearInterval(running)}",
        "function reset(){stop();time=0;show.textContent='0.0'}",
    ]
    # `stop` in an onclick attribute finds the function of the page before window.stop: both are properties of window.
    return Draft(
        title, title, _tool(ask, chosen, title, body, script, (_CENTER, _SHOW, _ROW)), "", [], [], None, button
    )


def _todo_line(text: str) -> str:
    return f'<li><span>{escape(text)}</span><button aria-label="Remove">×</button></li>'


def todo(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Tasks to add, tick off and remove."""
    title = ask.name or "To-do list"
    items = pick_items(ask, rng, words.task, ("water the plants", "call a friend", "go for a walk", "read a book"), 3)
    lines = [_todo_line(item) for item in items]
    button = ask.button or "Add"
    body = [
        '<div class="row">',
        '<input id="task" aria-label="New task" placeholder="New task" onkeydown="if(event.key==\'Enter\')add()">',
        f'<button onclick="add()">{escape(button)}</button>',
        "</div>",
        '<ul id="list">',
        *lines,
        "</ul>",
    ]
    script = [
        "const task=document.getElementById('task'),list=document.getElementById('list');",
        "list.onclick=event=>{const item=event.target.closest('li');if(event.target.matches('button'))item.remove();"
        "else if(item)item.classList.toggle('done')};",
        "function add(){",
        "if(!task.value.trim())return;",
        "const item=document.createElement('li');",
        "item.innerHTML='<span></span><button aria-label=\"Remove\">×</button>';",
        "item.firstChild.textContent=task.value;",
        "list.append(item);",
        "task.value=''}",
    ]
    extra = (
        ".stage{grid-template-columns:100%}",
        ".row{display:flex;gap:10px}",
        "input{flex:1;min-width:0;padding:12px;border:1px solid var(--soft);border-radius:8px;font:inherit}",
        "ul{margin:20px 0 0;padding:0;list-style:none}",
        "li{display:flex;justify-content:space-between;align-items:center;padding:10px 0;border-bottom:1px solid var(--line);cursor:pointer}",
        "li button{padding:4px 12px}",
        ".done span{text-decoration:line-through;color:var(--soft)}",
        "span::first-letter{text-transform:uppercase}",
    )
    html = _tool(ask, chosen, title, body, script, extra, ("card", "btn", "stage"))
    return Draft(title, title, html, "#list span", items, lines, lambda r, t: _todo_line(t), button)


def tabs(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Tabs that switch panels."""
    title = ask.name or "Tabs"
    items = pick_items(ask, rng, words.feature, ("Overview", "Details", "Reviews", "Contact", "Prices", "Photos"), 3)
    lines = [f'<button role="tab">{escape(item)}</button>' for item in items]
    start = rng.randrange(len(PARAGRAPHS))
    panels = [f'<p class="panel" hidden>{PARAGRAPHS[(start + i) % len(PARAGRAPHS)]}</p>' for i in range(len(items))]
    body = ['<div class="row" role="tablist">', *lines, "</div>", *panels]
    script = [
        "const tabs=document.querySelectorAll('[role=tab]'),panels=document.querySelectorAll('.panel');",
        "function show(n){tabs.forEach((tab,i)=>{tab.ariaSelected=i==n;panels[i].hidden=i!=n})}",
        "tabs.forEach((tab,i)=>tab.onclick=()=>show(i));",
        "show(0);",
    ]
    extra = (
        ".stage .card{width:min(100%,640px)}",
        ".row{display:flex;flex-wrap:wrap;gap:8px;margin-bottom:24px}",
        "button{padding:10px 18px}",
        "button[aria-selected=false]{background:var(--line);color:var(--ink)}",
        "button::first-letter{text-transform:uppercase}",
    )
    return Draft(
        title,
        title,
        _tool(ask, chosen, title, body, script, extra, ("card", "btn", "stage")),
        "[role=tab]",
        items,
        lines,
        None,
        "",
    )


def calculator(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A calculator with the four operations."""
    title = ask.name or "Calculator"
    body = ['<output class="show" id="show">0</output>', '<div class="keys" id="keys"></div>']
    script = [
        "const show=document.getElementById('show'),keys=document.getElementById('keys');",
        "const math={'+':(a,b)=>a+b,'−':(a,b)=>a-b,'×':(a,b)=>a*b,'÷':(a,b)=>a/b};",
        "let total=0,sign='',fresh=true;",
        "for(const key of '789÷456×123−C0.+='){const button=document.createElement('button');button.textContent=key;"
        "button.onclick=()=>press(key);keys.append(button)}",
        "function press(key){",
        "if('0123456789.'.includes(key)){show.textContent=fresh?key:show.textContent+key;fresh=false}",
        "else if(key=='C'){total=0;sign='';show.textContent='0';fresh=true}",
        "else{const n=Number(show.textContent);total=sign?math[sign](total,n):n;sign=key=='='?'':key;"
        "show.textContent=Number(total.toFixed(8));fresh=true}}",
    ]
    extra = (
        ".show{display:block;margin-bottom:20px;padding:16px;overflow:auto;border-radius:8px;background:var(--bg);font-size:2.4em;text-align:right}",
        ".keys{display:grid;gap:10px;grid-template-columns:repeat(4,1fr)}",
        ".keys button{padding:16px 0}",
        ".keys button:last-child{grid-column:1/-1}",
    )
    return Draft(
        title, title, _tool(ask, chosen, title, body, script, extra, ("card", "btn", "stage")), "", [], [], None, ""
    )


def theme(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A page with a switch between light and dark."""
    title = ask.name or "Dark mode"
    button = ask.button or rng.choice(("Toggle dark mode", "Switch theme"))
    other = PALETTES[chosen.palette.hue, not chosen.palette.dark]
    body = [
        f"<p>{rng.choice(('Easy on the eyes, day and night.', 'One click, and the lights go out.'))}</p>",
        f"<button onclick=\"document.documentElement.classList.toggle('other')\">{escape(button)}</button>",
    ]
    extra = (
        _CENTER,
        "button{margin-top:20px}",
        f".other{{--main:{other.main};--on:{other.on};{other.surface()[:-1]}}}",
    )
    return Draft(title, title, _tool(ask, chosen, title, body, [], extra), "", [], [], None, button)
