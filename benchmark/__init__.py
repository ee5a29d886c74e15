"""The harness: contract, registry, store, protocol, probes, result rows and command line."""
