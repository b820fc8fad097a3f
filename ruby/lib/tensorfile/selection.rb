# frozen_string_literal: true

module Tensorfile
  # What Tensor#read takes between its parentheses, an item for each axis in order:
  # an Integer (the axis goes away), a Range or a stepped one ((0..).step(2)), or
  # nil or true for all. Negative numbers count from the end, as in Array. Axes
  # without an item are taken whole.
  class Selection
    # Extents of what is selected, before axes go away, and after.
    attr_reader :extents, :shape
    # Ranges as C has them, packed; nil for everything.
    attr_reader :packed

    def initialize(items, shape)
      raise IndexOutOfRange, "#{items.size} items for #{shape.size} axes" if items.size > shape.size

      ranges = shape.each_with_index.map { |extent, axis| range(items[axis], extent, axis) }
      @extents = ranges.map { |r| count(*r) }
      @shape = @extents.each_with_index.reject { |_, axis| items[axis].is_a?(Integer) }.map(&:first)
      @packed = items.all? { |i| i.nil? || i == true } ? nil : ranges.flatten.pack("q*")
    end

    private

    # start, stop and step of Python's range.
    def range(item, extent, axis)
      case item
      when nil, true then [0, extent, 1]
      when Integer
        at = item.negative? ? item + extent : item
        raise IndexOutOfRange, "index #{item} on axis #{axis} of #{extent}" unless at.between?(0, extent - 1)

        [at, at + 1, 1]
      when Range then ends(item.begin, item.end, item.exclude_end?, 1, extent, axis)
      when Enumerator::ArithmeticSequence then ends(item.begin, item.end, item.exclude_end?, item.step, extent, axis)
      else raise ArgumentError, "#{item.inspect} selects nothing"
      end
    end

    def ends(first, last, open, step, extent, axis)
      raise IndexOutOfRange, "step #{step} on axis #{axis}" unless step.is_a?(Integer) && step != 0

      first = step.positive? ? 0 : extent - 1 if first.nil?
      # As in Array, an end of nil is the end in the direction of the step.
      if last.nil?
        last = step.positive? ? extent : -1
      else
        last += extent if last.negative?
        last += step.positive? ? 1 : -1 unless open
        last = last.clamp(-1, extent)
      end
      first += extent if first.negative?
      return [0, 0, 1] if count(first, last, step).zero?
      raise IndexOutOfRange, "begin #{first} on axis #{axis} of #{extent}" unless first.between?(0, extent - 1)

      [first, last, step]
    end

    def count(start, stop, step)
      [step.positive? ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step, 0].max
    end
  end
end
