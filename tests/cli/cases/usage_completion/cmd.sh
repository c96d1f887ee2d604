# There is one shell, and one thing at a time.
sproof help --completion zsh
sproof help --completion bash --man
sproof help --man analyse
sproof help --completion bash analyze
