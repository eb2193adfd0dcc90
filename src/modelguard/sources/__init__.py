"""Where models come from: this machine, a Hub, an https address; and the private store they are frozen into."""
