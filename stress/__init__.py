"""What does this model do when the world goes wrong? Suites of stress for models of images, audio and text."""
