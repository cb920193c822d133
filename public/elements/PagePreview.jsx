// The page beside the chat. React lends a place only: the pane itself is public/pane/pane.js, which keeps its frame
// whatever Chainlit draws anew around it.

import { useEffect, useRef } from "react"

function PagePreview(props) {
  const box = useRef(null)
  const pane = useRef(null)
  const latest = useRef(props)
  latest.current = props

  useEffect(() => {
    let gone = false
    window.htmlgen.pane.then(({ Pane }) => {
      if (gone) return
      pane.current = new Pane(box.current, {
        url: (path) => latest.current.apiClient.buildEndpoint(`/pages/${path}`),
        act: async (name, payload) => latest.current.callAction({ name, payload }),
        // On a phone the pane lies over the chat's own Stop.
        stop: () => {
          const button = document.getElementById("stop-button")
          if (button) button.click()
          else latest.current.callAction({ name: "stop", payload: {} })
        },
        names: window.htmlgen.names,
      })
      pane.current.update(latest.current)
    })
    return () => {
      gone = true
      if (pane.current) pane.current.close()
      pane.current = null
    }
  }, [])

  useEffect(() => {
    if (pane.current) pane.current.update(props)
  })

  return <div ref={box} className="pv" />
}

// See PageCode.jsx: the first component stays, else React would load the frame anew with every change in the chat.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.PagePreview = kept.PagePreview || PagePreview
const Kept = kept.PagePreview

export default <Kept {...props} apiClient={apiClient} callAction={callAction} />
