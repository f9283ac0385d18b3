using System.Runtime.InteropServices;
using Ioasis.Core.Dma;
using Ioasis.Memory;

namespace Ioasis.Devices.Ioat;

/// <summary>Executes descriptors on memory. Only the channel's thread uses it.</summary>
/// <param name="port">The channel's port.</param>
/// <param name="options">The longest transfer, and the effect of a fault.</param>
internal sealed class IoatOperations(DmaPort port, IoatOptions options)
{
    private const int Piece = 64 * 1024;
    private const int PatternSize = sizeof(ulong);
    private readonly byte[] _bytes = new byte[Math.Min(Piece, 1 << options.MaxTransferLog2)];

    /// <summary>
    /// Reads a descriptor and executes it. Bytes moved before an error stay moved. A cancelled descriptor ends without
    /// an error.
    /// </summary>
    internal IoatErrors Run(ulong at, out IoatDescriptor descriptor, CancellationToken abort)
    {
        descriptor = default;
        if (!port.Read(new Iova(at), MemoryMarshal.AsBytes(new Span<IoatDescriptor>(ref descriptor))).IsOk)
            return IoatErrors.NextAddress;
        if (descriptor.Opcode is not (IoatOpcode.Copy or IoatOpcode.Fill)) return IoatErrors.Control;
        if (descriptor.Length == 0 || descriptor.Length > 1u << options.MaxTransferLog2) return IoatErrors.Length;
        if (descriptor.Opcode is IoatOpcode.Copy && descriptor.Has(IoatControl.Null)) return IoatErrors.None;
        IoatErrors errors = Move(in descriptor, abort);
        return options.HaltOnFault ? errors : IoatErrors.None;
    }

    /// <summary>Writes a completion; false if its address cannot be written.</summary>
    internal bool TryWrite(ulong at, ulong value) =>
        at % sizeof(ulong) == 0 && port.Write(
            new Iova(at), MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in value))).IsOk;

    private IoatErrors Move(in IoatDescriptor descriptor, CancellationToken abort)
    {
        bool isFill = descriptor.Opcode is IoatOpcode.Fill;
        if (isFill) Repeat(descriptor.Source);
        for (uint done = 0; done < descriptor.Length && !abort.IsCancellationRequested; done += (uint)_bytes.Length)
        {
            Span<byte> piece = _bytes.AsSpan(0, (int)Math.Min((uint)_bytes.Length, descriptor.Length - done));
            int come = piece.Length;
            if (!isFill)
                come = TryAdvance(descriptor.Source, done, out Iova source) ? port.Read(source, piece).BytesDone : 0;
            if (come > 0 && !(TryAdvance(descriptor.Destination, done, out Iova destination)
                && port.Write(destination, piece[..come]).IsOk))
                return IoatErrors.WriteData;
            if (come != piece.Length) return IoatErrors.ReadData;
        }

        return IoatErrors.None;
    }

    /// <summary>Advances an address; false if it would wrap.</summary>
    private static bool TryAdvance(ulong address, uint offset, out Iova result)
    {
        result = new Iova(unchecked(address + offset));
        return result.Value >= address;
    }

    private void Repeat(ulong pattern)
    {
        for (int at = 0; at < _bytes.Length; at += PatternSize) MemoryMarshal.Write(_bytes.AsSpan(at), in pattern);
    }
}
