// The page's source in the chat, drawn while it is written. React draws the frame only; the lines are made by hand in
// public/pane/code.js, and one stream of the text serves this and the pane (public/pane/source.js).

import { useEffect, useRef, useState } from "react"
import { Check, ChevronsDownUp, ChevronsUpDown, Copy, PanelRightOpen } from "lucide-react"

function PageCode({ page, part, version, title, writing, facts, apiClient, callAction }) {
  const box = useRef(null)
  const live = useRef(null)
  const source = useRef({ text: [], bytes: 0 })
  const [end, setEnd] = useState("")
  const [open, setOpen] = useState(false)
  const [copied, setCopied] = useState("")

  useEffect(() => {
    let view = null
    let leave = () => {}
    let gone = false
    let told = 0
    setEnd("")
    window.htmlgen.pane.then(({ CodeView, follow, sizeOf }) => {
      if (gone) return
      view = new CodeView(box.current, writing)
      const counted = (source.current = { text: [], bytes: 0 })
      const encoder = new TextEncoder()
      leave = follow(page, part, apiClient.buildEndpoint(`/pages/${page}/source`), {
        text(piece) {
          counted.text.push(piece)
          counted.bytes += encoder.encode(piece).length
          view.push(piece)
          const now = performance.now()
          if (now - told < 250 || !live.current) return
          told = now
          live.current.textContent = sizeOf(counted.bytes)
        },
        end(how) {
          view.flush()
          if (live.current) live.current.textContent = sizeOf(counted.bytes)
          setEnd(how)
          window.htmlgen.names.learn(page, { size: counted.bytes })
        },
      })
    })
    return () => {
      gone = true
      leave()
      if (view) view.close()
    }
  }, [page, part])

  useEffect(() => {
    window.htmlgen.names.learn(page, { title, outcome: facts ? facts.outcome : "" })
  }, [page, title, facts && facts.outcome])

  const copy = async () => {
    const { copyText } = await window.htmlgen.pane
    setCopied((await copyText(source.current.text.join(""))) ? "done" : "failed")
    setTimeout(() => setCopied(""), 1500)
  }
  const busy = writing && !end
  const outcome = facts ? facts.outcome : ""
  return (
    <div className="pc" data-part={part} data-state={busy ? "writing" : "done"}>
      <div className="pc-bar">
        <span
          className={busy ? "pc-dot pc-live" : "pc-dot"}
          data-outcome={outcome}
          role="img"
          aria-label={busy ? "Writing" : facts ? facts.says : "Ended"}
        />
        <span className="pc-name" title={title}>
          {title}
        </span>
        {version > 1 && <span className="pc-version">v{version}</span>}
        <span className="pc-size" ref={live} />
        <button onClick={copy} title="Copy the code" aria-label="Copy the code">
          {copied === "done" ? <Check /> : copied ? "Not copied" : <Copy />}
        </button>
        <button
          onClick={() => setOpen(!open)}
          title={open ? "Show less" : "Show all of the code"}
          aria-label={open ? "Show less" : "Show all of the code"}
          aria-expanded={open}
        >
          {open ? <ChevronsDownUp /> : <ChevronsUpDown />}
        </button>
        <button
          className="pc-open"
          onClick={() => callAction({ name: "show_page", payload: { page, part, version, title } })}
          title="Show the page beside the chat"
          aria-label="Preview: show the page beside the chat"
        >
          <PanelRightOpen /> <span>Preview</span>
        </button>
      </div>
      <div
        className={open ? "pc-code pc-all" : "pc-code"}
        ref={box}
        tabIndex={0}
        role="region"
        aria-label="HTML source"
      />
      <div className="pc-facts" role="status">
        {facts ? (
          <>
            <b data-outcome={facts.outcome}>{facts.says}</b>
            {facts.figures.map((figure) => (
              <span key={figure}>{figure}</span>
            ))}
          </>
        ) : end === "gone" ? (
          <b data-outcome="failed">This page is no longer kept.</b>
        ) : end === "failed" ? (
          <b data-outcome="failed">The connection to the server is lost.</b>
        ) : (
          <b>{end ? "Ended" : "Writing…"}</b>
        )}
      </div>
    </div>
  )
}

// Chainlit evaluates this file anew whenever the chat around it changes, and a new function is a new component to
// React, which would throw the old one away, scroll position and all. So the first one stays.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.PageCode = kept.PageCode || PageCode
const Kept = kept.PageCode

export default <Kept {...props} apiClient={apiClient} callAction={callAction} />
