"""Where directories come from. Each source yields a whole new Directory; nothing here keeps one."""
