// Package spectrum turns samples into power over time and frequency: a fast
// Fourier transform ([FFT]) and the picture of many of them in a row
// ([Spectrogram]).
//
// Powers are those of scipy.signal.spectrogram with scaling "spectrum", a
// periodic Hann window and no detrending: a sine of amplitude a on the frequency
// of a bin has power a*a/2 there.
package spectrum
