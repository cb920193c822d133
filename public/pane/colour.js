// HTML, CSS and JavaScript in colours, a line at a time. Kinds are t(ag), a(ttribute), s(tring), k(eyword), n(umber), c(omment).

const WORDS =
  /(?:async|await|break|case|catch|class|const|continue|default|delete|do|else|export|extends|false|finally|for|from|function|if|import|in|instanceof|let|new|null|of|return|super|switch|this|throw|true|try|typeof|undefined|var|void|while|yield)\b/uy
const JS = /[A-Za-z_$][\w$]*|\d[\w.]*|\s+|[^\s\w$]/uy
const CSS = /@[\w-]+|#[\da-fA-F]{3,8}\b|-?(?:\d*\.)?\d+(?:%|[a-z]+)?|--?[\w-]+|[A-Za-z_][\w-]*|\s+|[^\s\w]/uy

// Splits one line into coloured pieces, emit(kind, text); `state` carries what is open (a tag, a comment, a script) into the next line.
export function colour(line, state, emit) {
  let at = 0
  const until = (text, kind, next) => {
    const end = line.indexOf(text, at)
    const stop = end < 0 ? line.length : end + text.length
    emit(kind, line.slice(at, stop))
    at = stop
    if (end >= 0) state.mode = next
  }
  const match = (pattern) => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    return found && found[0]
  }
  const take = (kind, text) => {
    emit(kind, text)
    at += text.length
  }
  while (at < line.length) {
    if (state.mode === "text") {
      const open = line.indexOf("<", at)
      if (open < 0) return take("", line.slice(at))
      if (open > at) take("", line.slice(at, open))
      const tag = match(/<\/?[A-Za-z][\w:-]*/uy)
      if (line.startsWith("<!--", at)) state.mode = "comment"
      else if (line.startsWith("<!", at)) state.mode = "doctype"
      else if (tag) {
        state.tag = tag.slice(1).toLowerCase()
        state.mode = "tag"
        take("t", tag)
      } else take("", "<")
    } else if (state.mode === "comment") until("-->", "c", "text")
    else if (state.mode === "doctype") until(">", "c", "text")
    else if (state.mode === "value") until(state.quote, "s", "tag")
    else if (state.mode === "tag") {
      const text = match(/\/?>|[^\s"'<>/=]+|=|\s+|./uy)
      if (text === ">" || text === "/>") {
        take("t", text)
        state.mode = state.tag === "script" ? "js" : state.tag === "style" ? "css" : "text"
        state.open = ""
        state.value = false
      } else if (text === '"' || text === "'") {
        state.quote = text
        state.mode = "value"
        state.value = false
        take("s", text)
      } else if (text === "=") {
        state.value = true
        take("", text)
      } else if (/\s/.test(text)) take("", text)
      else {
        take(state.value ? "s" : "a", text)
        state.value = false
      }
    } else {
      const end = line.slice(at).search(state.mode === "js" ? /<\/script/i : /<\/style/i)
      const stop = end < 0 ? line.length : at + end
      while (at < stop) code(stop)
      if (end >= 0) state.mode = "text"
    }
  }

  function code(stop) {
    if (state.open === "/*") {
      const end = line.indexOf("*/", at)
      const to = end < 0 || end + 2 > stop ? stop : end + 2
      if (to < stop || (end >= 0 && end + 2 === stop)) state.open = ""
      return take("c", line.slice(at, to))
    }
    if (state.open) {
      let to = at
      while (to < stop && line[to] !== state.open) to += line[to] === "\\" ? 2 : 1
      if (to < stop) {
        to += 1
        state.open = ""
      }
      return take("s", line.slice(at, Math.min(to, stop)))
    }
    if (line.startsWith("/*", at)) {
      state.open = "/*"
      return take("c", "/*")
    }
    const first = line[at]
    if (first === '"' || first === "'" || (first === "`" && state.mode === "js")) {
      state.open = first
      return take("s", first)
    }
    if (state.mode === "js") {
      if (line.startsWith("//", at)) return take("c", line.slice(at, stop))
      const word = match(WORDS)
      const text = word || match(JS)
      return take(word ? "k" : /^\d/.test(text) ? "n" : "", text.slice(0, stop - at))
    }
    const text = match(CSS).slice(0, stop - at)
    let kind = ""
    if (text[0] === "@") kind = "k"
    else if (text === "{" || text === "}") state.rule = text === "{"
    else if (/^(#[\da-fA-F]{3,8}$|-?\.?\d)/.test(text) && state.rule) kind = "n"
    else if (/^[A-Za-z-]/.test(text)) {
      const property = state.rule && /^\s*:/.test(line.slice(at + text.length, at + text.length + 4))
      kind = property ? "a" : state.rule ? "" : "t"
    }
    return take(kind, text)
  }
}

export function newState() {
  return { mode: "text", tag: "", quote: "", open: "", value: false, rule: false }
}

// Strings of scripts and style sheets end with their line.
export function endLine(state) {
  if (state.open === '"' || state.open === "'") state.open = ""
}

// Appends `text` to `row` in its colours.
export function paint(row, text, state) {
  let plain = ""
  colour(text, state, (kind, piece) => {
    if (!kind) return (plain += piece)
    if (plain) row.append(plain)
    plain = ""
    const span = document.createElement("span")
    span.className = "pc-" + kind
    span.textContent = piece
    row.append(span)
  })
  if (plain) row.append(plain)
}
