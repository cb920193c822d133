// The page beside the chat, drawing itself while it is written: an iframe on a response that stays open until the
// model has finished. It is loaded once; new props never reload it, only another page, a continuation or a button do.

import { useEffect, useRef, useState } from "react"
import { CircleAlert, Download, ExternalLink, RotateCw, Square } from "lucide-react"

// What a page may load when its reader wishes so; the rest stays blocked.
const LOADABLE = /^(img|style|font|script|media)-src/

function PagePreview({ page, part, version, title: asked, writing, apiClient }) {
  const frame = useRef(null)
  const scrolled = useRef(null)
  const [, setNames] = useState(0)
  const [again, setAgain] = useState({ of: "", times: 0, remote: false }) // loads that a button asked for
  const [drawn, setDrawn] = useState("")
  const [reports, setReports] = useState({ of: "", errors: [], remote: [] })

  const base = `${page}/${part}`
  const asking = again.of === base ? again : { of: base, times: 0, remote: false }
  const key = `${base}/${asking.times}`
  const heard = reports.of === key ? reports : { of: key, errors: [], remote: [] }
  const title = kept.titles[page] || asked
  const drawing = writing && drawn !== key && asking.times === 0
  const url = (path) => apiClient.buildEndpoint(`/pages/${page}/${path}`)
  const stop = () => document.getElementById("stop-button")?.click()
  const reload = (remote) => setAgain({ of: base, times: asking.times + 1, remote })

  // PageCode learns the page's own title at its end; new props from the server would open a pane that somebody closed.
  useEffect(() => {
    const learn = () => setNames((times) => times + 1)
    window.addEventListener("htmlgen-title", learn)
    return () => window.removeEventListener("htmlgen-title", learn)
  }, [])

  // The page reports through a channel of its own (htmlgen/prelude.js). Whatever comes may be forged by the page: it
  // is shown as text and nothing is done with it.
  useEffect(() => {
    let port = null
    const add = (list, text) => (list.length >= 50 || list.includes(text) ? list : [...list, text])
    const hear = ({ data }) => {
      if (data.kind === "scroll") {
        scrolled.current = { page, x: Number(data.x), y: Number(data.y) }
        return
      }
      const error = data.kind === "error"
      const remote = data.kind === "blocked" && /^https:/.test(data.url) && LOADABLE.test(data.directive)
      if (!error && !remote) return
      setReports((before) => {
        const known = before.of === key ? before : { of: key, errors: [], remote: [] }
        if (remote) return { ...known, remote: add(known.remote, String(data.url)) }
        return { ...known, errors: add(known.errors, data.line ? `line ${data.line}: ${data.text}` : String(data.text)) }
      })
    }
    const greet = (event) => {
      if (!frame.current || event.source !== frame.current.contentWindow) return
      if (!event.data || event.data.htmlgen !== "ready") return
      const channel = new MessageChannel()
      if (port) port.close()
      port = channel.port1
      port.onmessage = hear
      event.source.postMessage({ htmlgen: "port" }, "*", [channel.port2])
    }
    const restore = () => {
      const place = scrolled.current
      if (port && asking.times && place && place.page === page) port.postMessage({ kind: "scroll", x: place.x, y: place.y })
    }
    const element = frame.current
    window.addEventListener("message", greet)
    element.addEventListener("load", restore)
    return () => {
      window.removeEventListener("message", greet)
      element.removeEventListener("load", restore)
      if (port) port.close()
    }
  }, [key])

  return (
    <div className="pv" data-state={drawing ? "drawing" : "done"}>
      <div className="pv-bar">
        <span className={drawing ? "pc-dot pc-live" : "pc-dot"} />
        <span className="pv-title" title={title}>
          {title}
        </span>
        {version > 1 && <span className="pc-version">v{version}</span>}
        <span className="pv-tools">
          {heard.errors.length > 0 && (
            <span className="pv-errors" role="status" title={heard.errors.join("\n")}>
              <CircleAlert /> {heard.errors.length}
            </span>
          )}
          {drawing && (
            // On a phone the pane lies over the chat's own Stop.
            <button className="pv-stop" onClick={stop} title="Stop writing" aria-label="Stop writing">
              <Square />
            </button>
          )}
          <button onClick={() => reload(asking.remote)} title="Load the page again" aria-label="Load the page again">
            <RotateCw />
          </button>
          <a href={url("live")} target="_blank" rel="noopener noreferrer" title="Open in a new tab" aria-label="Open in a new tab">
            <ExternalLink />
          </a>
          <a href={url("download")} download title="Download the HTML" aria-label="Download the HTML">
            <Download />
          </a>
        </span>
      </div>
      {heard.remote.length > 0 && !asking.remote && (
        <div className="pv-notice" role="status">
          This page loads {heard.remote.length === 1 ? "a remote file" : `${heard.remote.length} remote files`}.
          <button onClick={() => reload(true)} title={heard.remote.join("\n")}>
            Load {heard.remote.length === 1 ? "it" : "them"}
          </button>
        </div>
      )}
      <iframe
        key={key}
        ref={frame}
        className="pv-frame"
        src={url(asking.remote ? "live?remote=1" : "live")}
        title={`Preview: ${title}`}
        sandbox="allow-scripts allow-forms"
        referrerPolicy="no-referrer"
        onLoad={() => setDrawn(key)}
      />
    </div>
  )
}

// See PageCode.jsx: the first component stays, else React would load the frame anew with every change in the chat.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.titles = kept.titles || {} // by page, from PageCode
kept.PagePreview = kept.PagePreview || PagePreview
const Kept = kept.PagePreview

export default <Kept {...props} apiClient={apiClient} />
