// Runs in every previewed page before the page's own scripts, and removes its own element. It gives the page what a
// sandbox takes away (storage, cookies), keeps what would leave the page from doing so, follows the end while the page
// is being written, and reports to the window that shows it. It is no part of the isolation: the response's headers are.
//
// The window that shows the page gets {htmlgen: "ready"} and answers with {htmlgen: "port"} and one end of a
// MessageChannel. Through it come {kind: "console", level, text}, {kind: "error", text, line, column},
// {kind: "blocked", url, directive}, {kind: "click", selector, text}, {kind: "link", url}, {kind: "submit", url},
// {kind: "dialog", text} and {kind: "scroll", x, y}; and {kind: "scroll", x, y} sent the other way scrolls the page.
// Whatever comes from the page may be forged by the page.
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
      if (data?.kind !== "scroll") return
      moved = true
      following = false
      scrollTo(data.x, data.y)
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
  for (const level of ["debug", "log", "info", "warn", "error"]) {
    const write = console[level]
    console[level] = (...values) => {
      write.apply(console, values)
      try {
        tell("console", { level, text: cut(values.map(print).join(" ")) })
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
  addEventListener("click", (event) => {
    const link = event.composedPath().find((node) => node instanceof Element && node.matches("a[href], area[href]"))
    const url = link?.getAttribute("href").trim()
    if (url === undefined || event.defaultPrevented || url.startsWith("#")) return
    event.preventDefault()
    if (!/^javascript:/i.test(url)) return tell("link", { url: cut(url) })
    const script = document.createElement("script") // in a sandboxed frame the browser does not run it
    script.text = decodeURIComponent(url.slice("javascript:".length))
    document.documentElement.append(script)
    script.remove()
  })
  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return
    event.preventDefault()
    tell("submit", { url: cut(event.target.getAttribute("action") ?? "") })
  })

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
  addEventListener("DOMContentLoaded", () => {
    follower.disconnect()
    if (following && !moved && !location.hash) scrollTo({ top: 0, behavior: "instant" })
  })
})()
