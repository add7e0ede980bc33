"""Resilience: retry, circuit breaker, half-open gate, and the breaker on the share of rejections."""
