"""The clips of rendered theory: who sounds, what is played, its sound, its files."""
