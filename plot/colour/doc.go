// Package colour holds the colours of charts: colour maps that turn a share
// between 0 and 1 into a colour, and the colours of lines.
//
// All of them are computed here, from paths through CIELAB that the code
// states; no table of others is copied. A [Map] is readable in grey, because
// its lightness rises all the way (or, for a diverging one, to the middle and
// falls behind it), and to people who see no difference between red and green;
// the tests check both under the simulations of Machado, Oliveira and Fernandes
// (2009). Steps of the share are steps of equal difference to the eye, so a map
// makes no edges where the data has none.
//
// What is no number has colours of its own, which the map does not pass.
//
// Nothing here changes after it is made; everything may be used by any number
// of goroutines.
package colour
