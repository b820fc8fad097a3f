# frozen_string_literal: true

require "json"

module Tensorfile
  # Writes a new file (Tensorfile.create) or changes one (Tensorfile.edit). Elements
  # are a Numo::NArray, numbers in arrays (dtype: "f32", else i64, f64, bool or c128 by
  # the first), a Packed, or a String with dtype and shape. Options of a tensor are
  # attributes, dims, codec ("auto", "shuffle|zstd:3"), chunk, fill, replace, shared.
  class Writer
    # Opened by Tensorfile.create and Tensorfile.edit.
    def self.opened(how, path, options)
      writer = new(how, path, options)
      return writer unless block_given?

      begin
        result = yield writer
        writer.commit unless writer.closed? || writer.committed?
        result
      ensure
        writer.close
      end
    end

    def initialize(how, path, options)
      @new = how == :create
      @handle = Library.number(how, Library.string(path), options)
      @committed = false
      ObjectSpace.define_finalizer(self, Writer.closer(@handle))
    end

    # What ends a writer that nobody has closed.
    def self.closer(handle)
      proc do
        Library.close_writer(handle)
      rescue Error
        nil # closed by hand, or in the child of a fork
      end
    end

    # Ends the writer. What was not committed leaves no trace.
    def close
      return if closed?

      handle = @handle
      @handle = nil
      ObjectSpace.undefine_finalizer(self)
      Library.close_writer(handle)
    end

    def closed? = @handle.nil?

    # Whether a new file is there already, so that nothing can be added.
    def committed? = @new && @committed

    def write(name, data, dtype: nil, shape: nil, strides: nil, **store)
      memory = Memory.new
      data = Packed.of(data, dtype: dtype, shape: shape, strides: strides)
      Library.write(handle, Library.string(name), memory.array(data), memory.store(store, data.shape.size))
      self
    end

    # Bytes that several tensors show; returns a number for write_on.
    def write_storage(bytes) = Library.number(:write_storage, handle, bytes, bytes.bytesize)

    # A tensor that shows a storage from offset on.
    def write_on(storage, name, dtype:, shape:, offset: 0, strides: nil, **store)
      memory = Memory.new
      array = memory.array(Packed.new(dtype, shape, strides, nil))
      Library.write_on(handle, storage, offset, Library.string(name), array, memory.store(store, shape.size))
      self
    end

    # A sparse, ragged, string or quantised tensor of its parts, a Hash from role to
    # elements. flags are :sorted, :unique, :symmetric, :skew, :hermitian, :upper.
    def write_composite(name, layout:, shape:, parts:, dtype: nil, flags: [], **store)
      memory = Memory.new
      composite = memory.composite(layout, shape, parts, dtype, flags)
      Library.write_composite(handle, Library.string(name), composite, memory.store(store, shape.size, composite: true))
      self
    end

    # Strings, in one row.
    def write_strings(name, list, **store)
      write_composite(name, layout: :string, shape: [list.size], parts: Writer.string_parts(list), **store)
    end

    # A copy of a tensor of an open file.
    def write_from(tensor, name = nil, **store)
      memory = Memory.new
      Library.write_from(handle, tensor.handle, name && Library.string(name), memory.store(store, tensor.rank, composite: !tensor.dense?))
      self
    end

    # Adds rows behind the last one, along axis 0.
    def append(name, data, dtype: nil, shape: nil, strides: nil, **store)
      memory = Memory.new
      data = Packed.of(data, dtype: dtype, shape: shape, strides: strides)
      Library.append(handle, Library.string(name), memory.array(data), memory.store(store, data.shape.size))
      self
    end

    def append_composite(name, layout:, shape:, parts:, dtype: nil, flags: [], **store)
      memory = Memory.new
      composite = memory.composite(layout, shape, parts, dtype, flags)
      Library.append_composite(handle, Library.string(name), composite, memory.store(store, shape.size, composite: true))
      self
    end

    def append_strings(name, list, **store)
      append_composite(name, layout: :string, shape: [list.size], parts: Writer.string_parts(list), **store)
    end

    # Replaces elements of a chunked tensor: from the index begin on, as many as there
    # are in data, each steps[axis] behind the other.
    def write_region(name, begin_at, data, steps: nil, dtype: nil, shape: nil, strides: nil, **store)
      memory = Memory.new
      data = Packed.of(data, dtype: dtype, shape: shape, strides: strides)
      raise ArgumentError, "#{begin_at.size} indices for #{data.shape.size} axes" if begin_at.size != data.shape.size

      ranges = data.shape.each_with_index.flat_map do |extent, axis|
        step = steps ? steps[axis] : 1
        [begin_at[axis], begin_at[axis] + extent * step, step]
      end
      Library.write_region(handle, Library.string(name), memory.keep(ranges.pack("q*")), memory.array(data), memory.store(store, data.shape.size))
      self
    end

    # Cuts a chunked tensor to its first rows.
    def shrink(name, rows) = tap { Library.shrink(handle, Library.string(name), rows) }
    def remove(name) = tap { Library.remove(handle, Library.string(name)) }
    def rename(name, to) = tap { Library.rename(handle, Library.string(name), Library.string(to)) }
    # Gives a tensor a second name.
    def copy(name, to) = tap { Library.copy(handle, Library.string(name), Library.string(to)) }

    # Replaces all attributes of the file.
    def attributes=(hash)
      Library.set_attributes(handle, nil, Library.string(JSON.generate(hash)))
    end

    # Replaces all attributes of a tensor.
    def set_attributes(name, hash) = tap { Library.set_attributes(handle, Library.string(name), Library.string(JSON.generate(hash))) }

    # The next commit holds what an older generation held.
    def revert(generation) = tap { Library.revert(handle, generation) }

    # Makes what was written durable and visible.
    def commit
      Library.commit(handle)
      @committed = true
      self
    end

    # The number that the library knows the writer by.
    def handle = @handle || raise(Closed, "the writer is closed")

    def self.string_parts(list)
      list = list.map { |s| s.to_s.encode(Encoding::UTF_8) }
      ends = [0]
      list.each { |s| ends << ends.last + s.bytesize }
      text = list.map(&:b).join
      { "offsets" => Packed.new("i64", [ends.size], nil, ends.pack("q*")), "bytes" => Packed.new("u8", [text.bytesize], nil, text) }
    end
  end

  # Structs of C and what they point to, for as long as a call lasts.
  class Memory
    LAYOUTS = Description::LAYOUTS
    FLAGS = { sorted: 1, unique: 2, symmetric: 16, skew: 32, hermitian: 48, upper: 64 }.freeze
    STORE = %i[attributes dims codec chunk fill replace shared].freeze

    def initialize
      @held = []
    end

    # The bytes of a String where they do not move.
    def keep(string)
      pointer = Fiddle::Pointer[string]
      @held << string << pointer
      pointer
    end

    def address(string) = string.nil? ? 0 : keep(string).to_i

    # A struct tensorfile_array. Bytes of nil are those of a storage.
    def array(data)
      descriptor = DTypes.descriptor(data.dtype)
      bytes = data.bytes
      if bytes
        need = extent(data, descriptor)
        raise ArgumentError, "#{data.dtype} of #{data.shape} takes #{need} bytes, not #{bytes.bytesize}" if bytes.bytesize != need
      end
      at = address(bytes)
      at += begin_at(data) if bytes
      keep([descriptor, data.shape.size, address(data.shape.pack("q*")), address(data.strides&.pack("q*")), at].pack("a16lx4JJJ"))
    end

    # A struct tensorfile_store, or nil if there are no options.
    def store(options, rank, composite: false)
      unknown = options.keys - STORE
      raise ArgumentError, "unknown options: #{unknown.join(', ')}" unless unknown.empty?
      return nil if options.compact.empty?

      attributes = options[:attributes] && "#{Library.string(JSON.generate(options[:attributes]))}\0"
      codec = options[:codec] && "#{Library.string(options[:codec])}\0"
      fill = options[:fill]
      dims = options[:dims] && names(options[:dims], rank)
      chunk = options[:chunk] && extents(options[:chunk], composite ? 1 : rank)
      keep([64, address(attributes), address(dims), address(codec), address(chunk), address(fill), fill ? fill.bytesize : 0,
            options[:replace] ? 1 : 0, options[:shared] ? 1 : 0].pack("QJJJJJQll"))
    end

    # A struct tensorfile_composite.
    def composite(layout, shape, parts, dtype, flags)
      number = LAYOUTS.index(layout) or raise ArgumentError, "#{layout.inspect} is no layout"
      bits = flags.sum { |f| FLAGS.fetch(f) }
      structs = parts.map do |role, data|
        nested = data.is_a?(Hash)
        inner = nested ? composite(data[:layout], data[:shape], data[:parts], data[:dtype], data.fetch(:flags, [])) : array(Packed.of(data))
        [address("#{Library.string(role)}\0"), nested ? 0 : inner.to_i, nested ? inner.to_i : 0].pack("JJJ")
      end
      descriptor = dtype ? DTypes.descriptor(dtype) : "\0" * 16
      keep([number, bits, descriptor, shape.size, address(shape.pack("q*")), structs.size, address(structs.join)].pack("lLa16lx4JQJ"))
    end

    private

    def names(dims, rank)
      raise ArgumentError, "#{dims.size} names for #{rank} axes" if dims.size != rank

      dims.map { |d| d.nil? ? 0 : address("#{Library.string(d)}\0") }.pack("J*")
    end

    def extents(chunk, count)
      raise ArgumentError, "#{chunk.size} extents of a chunk, not #{count}" if chunk.size != count

      chunk.pack("q*")
    end

    # Bytes from the lowest to the highest that strides reach.
    def extent(data, descriptor)
      return DTypes.bytes(descriptor, data.shape) if data.strides.nil?
      return 0 if data.shape.include?(0)

      _, _, _, _, per_unit, unit = descriptor.unpack("CCSLLL")
      units = data.shape.each_with_index.map { |e, axis| axis == data.shape.size - 1 ? (e + per_unit - 1) / per_unit : e }
      raise ArgumentError, "#{data.strides.size} strides for #{data.shape.size} axes" if data.strides.size != data.shape.size

      units.zip(data.strides).sum { |e, s| (e - 1) * s.abs } + unit
    end

    # Where element (0, ..., 0) stands in the bytes.
    def begin_at(data)
      return 0 if data.strides.nil? || data.shape.include?(0)

      data.shape.zip(data.strides).sum { |e, s| s.negative? ? -s * (e - 1) : 0 }
    end
  end
end
