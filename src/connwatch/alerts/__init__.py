"""What people are told of, when, and in which words: from changes and the state of sources to messages. Pure: no clock, no I/O."""
