"""Practice servers: small MCP servers with the tool and argument names of real ones, and a state that can be compared.

They stand apart from Callgate: neither imports the other, and nothing here leaves the machine.
"""
