# frozen_string_literal: true

require "json"

module Tensorfile
  # A tensor of an open file, or a part of one.
  class Tensor
    # The File that it is of.
    attr_reader :file
    # The number that the library knows it by.
    attr_reader :handle

    def initialize(file, handle)
      @file = file
      @handle = handle
      ObjectSpace.define_finalizer(self, Tensor.releaser(handle))
    end

    # What gives a tensor back that is no longer used.
    def self.releaser(handle)
      proc do
        Library.release_tensor(handle)
      rescue Error
        nil # in the child of a fork
      end
    end

    # What the library says of it: name, dtype, shape, strides, chunk, codec, layout,
    # flags, parts, stored_as, elements, nbytes, stored, offset, storage, generation.
    def info
      @info ||= Description.at(Library.number(:describe, handle, format: "J")).freeze
    end

    # Name of the tensor; of a part its role.
    def name = info[:name]
    # Name of the dtype, such as "f32"; "" for strings.
    def dtype = info[:dtype]
    # Extents in elements.
    def shape = info[:shape]
    # Byte strides between units of the stored elements.
    def strides = info[:strides]
    # Extents of a chunk, or nil.
    def chunk = info[:chunk]
    # Pipelines of a chunked tensor, or "".
    def codec = info[:codec]
    # :dense, :csr, :ragged, :string, ...
    def layout = info[:layout]
    def nbytes = info[:nbytes]
    def rank = shape.size
    def dense? = layout == :dense

    # The attributes, "dims" among them.
    def attributes = JSON.parse(Library.text(:attributes, handle))

    # Names of the axes, nil for one without, or nil if none has.
    def dims = attributes["dims"]

    # SHA-256 of dtype, shape and elements, however they are stored, as 64 digits.
    def content_hash
      room = "\0".b * 32
      Library.content_hash(handle, room)
      room.unpack1("H*")
    end

    # The selected elements, all without a selection: a Numo::NArray where Numo is
    # installed and has the dtype, else a Packed. See Selection; an Array of Integers
    # as the only item takes those rows, in that order.
    def read(*selection)
      packed = read_packed(*selection)
      packed.to_narray || packed
    end
    alias [] read

    # The same, always as a Packed.
    def read_packed(*selection)
      return rows(selection[0]) if selection.size == 1 && selection[0].is_a?(Array)

      s = Selection.new(selection, shape)
      bytes = "\0".b * DTypes.bytes(info[:descriptor], s.extents)
      Library.read(handle, s.packed, bytes, bytes.bytesize)
      Packed.new(dtype, s.shape, nil, bytes)
    end

    # The elements of a quantised tensor as numbers, f32 if nothing else is said.
    def dequantise(*selection, dtype: "f32")
      s = Selection.new(selection, shape)
      descriptor = DTypes.descriptor(dtype)
      bytes = "\0".b * DTypes.bytes(descriptor, s.extents)
      Library.dequantise(handle, descriptor, s.packed, bytes, bytes.bytesize)
      packed = Packed.new(dtype, s.shape, nil, bytes)
      packed.to_narray || packed
    end

    # Yields a Fiddle::Pointer to element (0, ..., 0) in the mapping of the file, from
    # which shape and strides lead to the others, or nil if there are no elements. It
    # is good inside the block. Encoded for chunked tensors, NotMapped for files that
    # are read. If another program cuts the file short, a touch of what is gone ends
    # the process; read raises Changed instead.
    def map
      room = "\0".b * 16
      Library.map(handle, Fiddle::Pointer[room], Fiddle::Pointer[room] + 8)
      lease, address = room.unpack("QJ")
      begin
        yield address.zero? ? nil : Fiddle::Pointer.new(address)
      ensure
        Library.release_lease(lease)
      end
    end

    # The part of a composite that has this role, such as "indptr".
    def part(role) = Tensor.new(file, Library.number(:part, handle, Library.string(role)))

    # The parts of a composite by role; an empty Hash for a dense tensor.
    def parts
      room = "\0".b * 16
      Library.list_parts(handle, room)
      Description.list(room).to_h { |d| [d[:name], part(d[:name])] }
    end

    # Raises Corrupt if what the parts of a composite say of each other breaks a rule,
    # so that indices can be followed after it.
    def check_parts
      Library.check_parts(handle)
      self
    end

    # The rows of a string or ragged tensor: Strings, or arrays of numbers.
    def to_a
      case layout
      when :dense then read_packed.to_a
      when :string then slices("bytes") { |bytes, from, to| bytes.bytes.byteslice(from, to - from).force_encoding(Encoding::UTF_8) }
      when :ragged then ragged
      else raise Unsupported, "a #{layout} tensor has parts, not rows"
      end
    end

    def inspect = "#<Tensorfile::Tensor #{name.inspect} #{dtype} #{shape}>"

    private

    def rows(list)
      raise IndexOutOfRange, "rows of a scalar" if shape.empty?
      raise ArgumentError, "rows are numbered by Integers" unless list.all?(Integer)

      list = list.map { |r| r.negative? ? r + shape[0] : r }
      out = [list.size, *shape[1..]]
      bytes = "\0".b * DTypes.bytes(info[:descriptor], out)
      Library.read_rows(handle, list.pack("q*"), list.size, bytes, bytes.bytesize)
      Packed.new(dtype, out, nil, bytes)
    end

    # What lies between each two offsets, in the shape of the tensor.
    def slices(role)
      check_parts
      offsets = part("offsets").read_packed.to_a.flatten
      content = part(role).read_packed
      nested(offsets.each_cons(2).map { |from, to| yield content, from, to }, shape)
    end

    def ragged
      check_parts
      offsets = part("offsets").read_packed.to_a
      values = part("values").read_packed.to_a
      offsets.each_cons(2).map { |from, to| values[from...to] }
    end

    def nested(list, shape)
      return list[0] if shape.empty?
      return list if shape.size == 1

      each = shape[1..].inject(:*)
      Array.new(shape[0]) { |i| nested(list[i * each, each], shape[1..]) }
    end
  end
end
