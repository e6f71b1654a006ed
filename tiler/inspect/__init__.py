"""What a person looks at after a run: snapshot, figures, HTML report."""
