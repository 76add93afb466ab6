"""The component's side of the boundary. One module for each world; componentize-py starts there.

Nothing else of the SDK, and no plugin, imports `wit_world`.
"""
