"""tRPC v11 over HTTP: a stock `@trpc/client` calls the procedures, by whichever of its HTTP links."""
