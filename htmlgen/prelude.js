// Runs in every previewed page before the page's own scripts, and removes its own element. It gives the page what a
// sandbox takes away (storage, cookies), keeps what would leave the page from doing so, follows the end while the page
// is being written, and reports to the window that shows it. It is no part of the isolation: the response's headers are.
//
// The window that shows the page gets {htmlgen: "ready"} and answers with {htmlgen: "port"} and one end of a
// MessageChannel. Through it come {kind: "console", level, text}, {kind: "error", text, line, column},
// {kind: "blocked", url, directive}, {kind: "click", selector, text}, {kind: "link", url}, {kind: "submit", url},
// {kind: "dialog", text}, {kind: "scroll", x, y}, {kind: "picked", path, markup, text} and {kind: "unpicked"}. Sent the other
// way, {kind: "scroll", x, y} scrolls the page, {kind: "pick", on} lets the reader choose an element or ends that.
// Whatever comes from the page may be forged by the page.
//
// With ?print=1 the page is printed once it is there, in a tab whose sandbox has allow-modals (htmlgen/preview.py).
(() => {
  "use strict"
  const own = document.currentScript
  const lines = own.textContent.split("\n").length - 1 // errors count from the model's first line, not from ours
  own.remove()

  const LONGEST = 2000 // characters of a report
  const PER_SECOND = 100 // reports; more are dropped, so that a loop cannot flood the chat
  const waiting = []
  let port = null
  let sent = 0
  let since = 0
  const cut = (text) => String(text).slice(0, LONGEST)
  const tell = (kind, facts) => {
    if (performance.now() - since > 1000) [sent, since] = [0, performance.now()]
    if (++sent > PER_SECOND) return
    if (port) port.postMessage({ kind, ...facts })
    else if (waiting.length < PER_SECOND) waiting.push({ kind, ...facts })
  }

  const shown = window.parent !== window
  addEventListener("message", (event) => {
    if (!shown || event.source !== window.parent || event.data?.htmlgen !== "port" || !event.ports[0]) return
    event.stopImmediatePropagation()
    port = event.ports[0]
    port.onmessage = ({ data }) => {
      if (data?.kind === "pick") return pick(data.on === true)
      if (data?.kind === "ping") return port.postMessage({ kind: "pong" })
      if (data?.kind !== "scroll") return
      moved = true
      following = false
      scrollTo({ left: data.x, top: data.y, behavior: "instant" })
    }
    for (const report of waiting.splice(0)) port.postMessage(report)
  })
  if (shown) window.parent.postMessage({ htmlgen: "ready" }, "*")

  // Storage and cookies, which throw in a sandbox: in memory, gone with the page.
  const storage = () => {
    const items = new Map()
    const methods = {
      getItem: (key) => items.get(String(key)) ?? null,
      setItem: (key, value) => void items.set(String(key), String(value)),
      removeItem: (key) => void items.delete(String(key)),
      clear: () => items.clear(),
      key: (index) => [...items.keys()][index] ?? null,
    }
    return new Proxy(Object.create(Storage.prototype), {
      get: (target, key) =>
        key === "length" ? items.size : (methods[key] ?? (typeof key === "string" ? items.get(key) : target[key])),
      set: (_, key, value) => (items.set(String(key), String(value)), true),
      has: (_, key) => key === "length" || key in methods || items.has(key),
      deleteProperty: (_, key) => (items.delete(key), true),
      ownKeys: () => [...items.keys()],
      getOwnPropertyDescriptor: (_, key) =>
        items.has(key) ? { value: items.get(key), writable: true, enumerable: true, configurable: true } : undefined,
    })
  }
  for (const name of ["localStorage", "sessionStorage"])
    try {
      void window[name]
    } catch {
      Object.defineProperty(window, name, { value: storage(), configurable: true, enumerable: true })
    }
  try {
    void document.cookie
  } catch {
    const jar = new Map()
    Object.defineProperty(document, "cookie", {
      configurable: true,
      get: () => [...jar].map(([name, value]) => (name ? `${name}=${value}` : value)).join("; "),
      set: (text) => {
        const [pair, ...rest] = String(text).split(";")
        const [name, value] = pair.includes("=") ? pair.split(/=(.*)/s) : ["", pair]
        const age = rest.map((part) => part.match(/^\s*max-age=(-?\d+)\s*$/i)?.[1]).find((found) => found !== undefined)
        const date = rest.map((part) => part.match(/^\s*expires=(.*)$/i)?.[1]).find((found) => found !== undefined)
        const over = age !== undefined ? Number(age) <= 0 : date !== undefined && Date.parse(date) <= Date.now()
        if (over) jar.delete(name.trim())
        else jar.set(name.trim(), value.trim())
      },
    })
  }

  // Dialogs: a sandbox drops them, and would answer every question with no.
  window.alert = (text = "") => tell("dialog", { text: cut(text) })
  window.confirm = (text = "") => (tell("dialog", { text: cut(text) }), true)
  window.prompt = (text = "", value = null) => (tell("dialog", { text: cut(text) }), value === null ? null : String(value))

  // What the page says and what goes wrong in it.
  const print = (value) => {
    if (typeof value === "string") return value
    if (value instanceof Error) return value.stack || String(value)
    if (value instanceof Node) return value.outerHTML || value.nodeName
    try {
      return JSON.stringify(value) ?? String(value)
    } catch {
      return String(value)
    }
  }
  const LEVELS = { debug: "debug", log: "log", info: "info", warn: "warn", error: "error", dir: "log", table: "log", trace: "log", assert: "error" }
  for (const [method, level] of Object.entries(LEVELS)) {
    const write = console[method]
    console[method] = (...values) => {
      write.apply(console, values)
      try {
        if (method === "assert" && values[0]) return
        const said = method === "assert" ? ["Assertion failed:", ...values.slice(1)] : values
        tell("console", { level, text: cut(said.map(print).join(" ")) })
      } catch {
        // a value that cannot be printed is the page's own affair
      }
    }
  }
  const place = (event) => ({ line: Math.max(0, event.lineno - lines), column: event.colno })
  addEventListener(
    "error",
    (event) => {
      if (event instanceof ErrorEvent) tell("error", { text: cut(event.message), ...place(event) })
      else if (event.target instanceof Element)
        tell("error", { text: cut(`${event.target.localName} cannot be loaded: ${event.target.src || event.target.href || ""}`) })
    },
    true,
  )
  addEventListener("unhandledrejection", (event) => tell("error", { text: cut(`Unhandled: ${print(event.reason)}`) }))
  addEventListener("securitypolicyviolation", (event) =>
    tell("blocked", { url: cut(event.blockedURI), directive: event.effectiveDirective }),
  )

  // Clicks; and the links and forms that would leave the page, which has nowhere to go.
  const name = (element) => element.localName + (element.id ? `#${element.id}` : "") + [...element.classList].map((c) => `.${c}`).join("")
  addEventListener(
    "click",
    ({ target }) =>
      target instanceof Element && tell("click", { selector: cut(name(target)), text: cut(target.textContent.trim()).slice(0, 80) }),
    true,
  )
  const address = (node) => node.getAttribute("href") ?? node.getAttribute("xlink:href") // the latter in SVG
  const follow = (event) => {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches("a, area") && address(node) !== null)
    const url = link && address(link).trim()
    if (url === undefined || event.defaultPrevented || url.startsWith("#")) return
    event.preventDefault()
    if (!/^javascript:/i.test(url)) return tell("link", { url: cut(url) })
    const script = document.createElement("script") // in a sandboxed frame the browser does not run it
    script.text = decodeURIComponent(url.slice("javascript:".length))
    document.documentElement.append(script)
    script.remove()
  }
  addEventListener("click", follow)
  // Dialogs and menus stop clicks from going further, which is no reason for a link in them to lead away: the microtask runs
  // before the link does.
  const heed = (event) => {
    for (const name of ["stopPropagation", "stopImmediatePropagation"])
      event[name] = () => {
        Event.prototype[name].call(event)
        queueMicrotask(() => follow(event))
      }
  }
  addEventListener("click", heed, true)
  addEventListener("submit", (event) => {
    const method = event.submitter?.getAttribute("formmethod") ?? event.target.getAttribute("method")
    if (event.defaultPrevented || method?.toLowerCase() === "dialog") return // a dialog's form closes it, and sends nothing
    event.preventDefault()
    tell("submit", { url: cut(event.target.getAttribute("action") ?? "") })
  })

  // Choosing an element: what the pointer is on, or the arrow keys lead to, is outlined; a click or Enter takes it.
  const outline = document.createElement("htmlgen-outline")
  let picking = false
  let target = null
  const point = (element) => {
    target = element
    const box = element.getBoundingClientRect()
    const [left, top] = [Math.max(0, box.left - 2), Math.max(0, box.top - 2)]
    const [right, bottom] = [Math.min(innerWidth, box.right + 2), Math.min(innerHeight, box.bottom + 2)]
    outline.style.cssText = `all: initial; position: fixed; z-index: 2147483647; pointer-events: none; box-sizing: border-box;
      left: ${left}px; top: ${top}px; width: ${right - left}px; height: ${bottom - top}px;
      border: 2px solid #d9480f; border-radius: 3px; background: #d9480f1f; box-shadow: 0 0 0 1px #fff`
    if (!outline.isConnected) document.documentElement.append(outline)
  }
  const pick = (on) => {
    picking = on
    target = null
    outline.remove()
    if (on) window.focus()
  }
  const step = (element) => {
    let name = CSS.escape(element.localName)
    if (element.id) return `${name}#${CSS.escape(element.id)}`
    if (element.classList.length) name += `.${CSS.escape(element.classList[0])}`
    const alike = [...(element.parentElement?.children ?? [])].filter((other) => other.localName === element.localName)
    return alike.length > 1 ? `${name}:nth-of-type(${alike.indexOf(element) + 1})` : name
  }
  const path = (element) => {
    const steps = []
    for (let at = element; at && at !== document.documentElement && steps.length < 5; at = at.parentElement) {
      steps.unshift(step(at))
      if (at.id) break
    }
    return steps.join(" > ") || "html"
  }
  const take = (element) => {
    picking = false
    outline.remove()
    const facts = { path: cut(path(element)), markup: cut(element.outerHTML), text: cut(element.textContent.trim()).slice(0, 80) }
    point(element)
    tell("picked", facts)
  }
  const WAYS = {
    ArrowUp: (at) => at.parentElement,
    ArrowDown: (at) => [...at.children].find((child) => child.getClientRects().length),
    ArrowLeft: (at) => at.previousElementSibling,
    ArrowRight: (at) => at.nextElementSibling,
  }
  for (const kind of ["pointerdown", "pointerup", "mousedown", "mouseup", "click", "dblclick", "touchstart", "touchend", "contextmenu"])
    addEventListener(
      kind,
      (event) => {
        if (!picking || !event.isTrusted) return
        event.stopImmediatePropagation()
        if (!kind.startsWith("touch")) event.preventDefault()
        const element = event.composedPath().find((node) => node instanceof Element)
        if (kind === "click" && element) take(element)
      },
      { capture: true, passive: false },
    )
  addEventListener(
    "pointermove",
    (event) => {
      const element = picking && document.elementFromPoint(event.clientX, event.clientY)
      if (element && element !== target) point(element)
    },
    { capture: true, passive: true },
  )
  addEventListener(
    "keydown",
    (event) => {
      if (!picking || !event.isTrusted || !(event.key in WAYS || ["Enter", "Escape"].includes(event.key))) return
      event.stopImmediatePropagation()
      event.preventDefault()
      if (event.key === "Escape") {
        pick(false)
        return tell("unpicked")
      }
      if (event.key === "Enter") return void (target && take(target))
      const next = target ? WAYS[event.key](target) : document.body
      if (!(next instanceof Element) || next === outline) return
      next.scrollIntoView({ block: "nearest", behavior: "instant" })
      point(next)
    },
    true,
  )

  // While the page is written its end stays in view, unless the reader scrolls away from it; then his place is kept.
  let following = true
  let moved = false
  let last = 0
  for (const gesture of ["wheel", "touchmove", "pointerdown", "keydown"])
    addEventListener(gesture, (event) => event.isTrusted && (moved = true), { capture: true, passive: true })
  addEventListener(
    "scroll",
    () => {
      const room = document.documentElement.scrollHeight - innerHeight - scrollY
      if (scrollY < last) following = false
      if (room < 40) following = true
      last = scrollY
      tell("scroll", { x: scrollX, y: scrollY })
    },
    { passive: true },
  )
  const follower = new ResizeObserver(() => {
    if (following && document.readyState === "loading") scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" })
  })
  follower.observe(document.documentElement)
  if (!shown && new URLSearchParams(location.search).get("print") === "1") addEventListener("load", () => window.print())
  addEventListener("DOMContentLoaded", () => {
    follower.disconnect()
    if (following && !moved && !location.hash) scrollTo({ top: 0, behavior: "instant" })
  })
})()
