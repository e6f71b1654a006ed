"""How the refiner was made: render scenes, make pairs of them, train."""
