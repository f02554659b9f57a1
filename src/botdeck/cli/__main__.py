from botdeck.cli import main

main()
