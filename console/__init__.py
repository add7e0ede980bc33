"""HTTP API: routes over `operations`, thin; no terminal in it, and no page yet.

app.py              the routes and what stands around them
server.py           a process that serves them, from its start to its end
service.py          what the routes share
problems.py         errors to RFC 9457 problem documents, one table
request_context.py  request id, trace, metrics, and the last word on what nobody foresaw
body_guard.py       caps of a body before any parser sees it
identity.py         keys: who asks, and for what
token_bucket.py     how often
api/                one module a resource
"""
