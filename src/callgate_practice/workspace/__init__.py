"""Practice servers for Google Workspace as the community's server speaks: prose with ids in it."""
