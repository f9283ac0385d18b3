using System.Buffers.Binary;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Devices.Slots;

/// <summary>
/// One BAR of a plugged function: its bytes, and the effect of reads and writes. A program that maps the BAR can change
/// the bytes at any time.
/// </summary>
internal sealed class BarMemory : IDisposable
{
    private const int CopyChunk = 4096;

    // Guards the cells, and the bytes against our own threads. A program that maps the BAR changes the bytes at any
    // time. A leaf: no other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.BarMemory);
    private readonly RegisterCell[] _cells; // sorted by offset
    private readonly RegisterCell[] _doorbells; // in the declared order
    private readonly RegisterCell[] _fixed;     // read-only ones
    private readonly MsixLayout? _msix;
    private readonly PortalWatch? _portal;
    private readonly HostBlock _own;
    private SharedBytes _bytes;
    private bool _isDead;
    private bool _isMapped; // a program may have mapped it: its stores reach us only by polling
    private bool _isClear;  // all bytes are 0

    internal BarMemory(Bar bar, MsixLayout? msix)
    {
        Bar = bar;
        _msix = msix;
        RegisterCell[] declared = [.. bar.Registers.Select(r => new RegisterCell(r))];
        _cells = [.. declared];
        Array.Sort(_cells, static (one, other) => one.Register.Offset.CompareTo(other.Register.Offset));
        _doorbells = [.. declared.Where(c => c.Register.Kind == RegisterKind.Doorbell)];
        _fixed = [.. declared.Where(c => c.Register.Kind == RegisterKind.ReadOnly)];
        HasComputed = declared.Any(c => c.Register.IsComputed);
        _portal = bar.IsPortal ? new PortalWatch(bar.Size) : null;
        _own = new HostBlock(bar.Size);
        _bytes = _own;
        Reset();
    }

    internal Bar Bar { get; }

    /// <summary>Whether the model computes the values of some registers.</summary>
    internal bool HasComputed { get; }

    /// <summary>Sets registers to their reset values and clears the rest.</summary>
    internal void Reset()
    {
        using (_lock.Enter())
        {
            _isDead = false;
            if (!Bar.IsMemory && Bar.UnclaimedByte != 0) Fill(0, Bar.Size, Bar.UnclaimedByte);
            else if (!_isClear) _bytes.Clear();
            _isClear = false;
            foreach (RegisterCell cell in _cells)
            {
                cell.Known = cell.Register.ResetValue & cell.Mask;
                Store(cell.Register.Offset, cell.Register.Width, cell.Known);
            }

            if (_msix is null) return;
            Fill(_msix.TableOffset, (ulong)_msix.Vectors * 16, 0);
            Fill(_msix.PendingOffset, ((ulong)_msix.Vectors + 63) / 64 * 8, 0);
            // set the mask bit
            for (uint vector = 0; vector < _msix.Vectors; vector++)
                _bytes.Write(_msix.TableOffset + (vector * 16) + 12, 1u);
        }
    }

    /// <summary>Makes all bytes read as ones until <see cref="Reset"/>, as those of a device that is gone.</summary>
    internal void Die()
    {
        using (_lock.Enter())
        {
            _isDead = true;
            Fill(0, Bar.Size, 0xff);
        }
    }

    /// <summary>
    /// Makes <paramref name="bytes"/>, which are all 0, the BAR's bytes. A program may read them without a call. A
    /// reset must follow.
    /// </summary>
    internal void Show(SharedBytes bytes)
    {
        using (_lock.Enter())
        {
            _bytes = bytes;
            _isClear = true;
        }
    }

    /// <summary>
    /// Lets programs map <paramref name="bytes"/> as the BAR. Copies the present contents there. False if programs may
    /// have mapped other bytes already.
    /// </summary>
    internal bool TryMap(SharedBytes bytes)
    {
        using (_lock.Enter())
        {
            if (_isMapped) return _bytes == bytes;
            if (_bytes != bytes) Copy(_bytes, bytes);
            _bytes = bytes;
            return _isMapped = true;
        }
    }

    /// <summary>Makes our own memory the BAR's bytes again, in the state after a reset.</summary>
    internal void TakeBack()
    {
        using (_lock.Enter())
        {
            _bytes = _own;
            _isMapped = false;
        }

        Reset();
    }

    /// <summary>Reads 1, 2, 4 or 8 bytes for a driver, naturally aligned and within the BAR.</summary>
    internal ulong Read(ulong offset, int width)
    {
        Span<byte> value = stackalloc byte[8];
        value.Clear();
        using (_lock.Enter())
        {
            if (_isDead) return ulong.MaxValue >> (64 - (width * 8));
            for (ulong at = offset, end = offset + (uint)width; at < end;)
            {
                RegisterCell? cell = CellAt(at, out ulong next);
                int count = (int)(Math.Min(next, end) - at);
                Span<byte> part = value.Slice((int)(at - offset), count);
                if (cell is null) ReadGap(at, part);
                else if (!Answers(cell, width)) part.Fill(Bar.UnclaimedByte);
                else
                    Split(cell.Register.Kind == RegisterKind.ReadOnly
                        ? cell.Known >> (int)((at - cell.Register.Offset) * 8)
                        : Load(at, count), part);
                at += (uint)count;
            }
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }

    /// <summary>Adds each computed register that a read takes in to <paramref name="found"/>.</summary>
    internal void FindComputed(ulong offset, int width, List<Register> found)
    {
        for (ulong at = offset, end = offset + (uint)width; at < end;)
        {
            RegisterCell? cell = CellAt(at, out at);
            if (cell?.Register.IsComputed == true && Answers(cell, width)) found.Add(cell.Register);
        }
    }

    /// <summary>
    /// Writes 1, 2, 4 or 8 bytes for a driver, naturally aligned and within the BAR. Then adds each doorbell that was
    /// touched to <paramref name="rung"/>, in the declared order.
    /// </summary>
    internal void Write(ulong offset, int width, ulong value, List<(Register Register, ulong Value)> rung)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bool any = false;
        using (_lock.Enter())
        {
            if (_isDead) return;
            ulong end = offset + (uint)width;
            for (ulong at = offset; at < end;)
            {
                RegisterCell? cell = CellAt(at, out ulong next);
                int count = (int)(Math.Min(next, end) - at);
                ReadOnlySpan<byte> part = bytes.Slice((int)(at - offset), count);
                if (cell is null)
                {
                    if (Bar.IsMemory && !InMsix(at)) _bytes.CopyFrom(at, part);
                }
                else if (Answers(cell, width) && cell.Register.Kind != RegisterKind.ReadOnly)
                {
                    Store(at, count, value >> (int)((at - offset) * 8));
                    any |= cell.Register.Kind == RegisterKind.Doorbell;
                }

                at += (uint)count;
            }

            if (!any) return;
            foreach (RegisterCell cell in _doorbells)
            {
                if (cell.Register.Offset >= end || cell.End <= offset || !Answers(cell, width)) continue;
                cell.Known = Load(cell.Register.Offset, cell.Register.Width);
                rung.Add((cell.Register, cell.Known));
            }
        }
    }

    /// <summary>
    /// Looks for new stores to a mapping. Adds at most one value of each changed doorbell to <paramref name="rung"/>,
    /// and restores the values of read-only registers.
    /// </summary>
    internal void Poll(List<(Register Register, ulong Value)> rung)
    {
        using (_lock.Enter())
        {
            if (!_isMapped || _isDead) return;
            foreach (RegisterCell cell in _doorbells)
            {
                ulong value = Load(cell.Register.Offset, cell.Register.Width);
                if (value == cell.Known) continue;
                cell.Known = value;
                rung.Add((cell.Register, value));
            }

            foreach (RegisterCell cell in _fixed)
            {
                if (Load(cell.Register.Offset, cell.Register.Width) != cell.Known)
                    Store(cell.Register.Offset, cell.Register.Width, cell.Known);
            }
        }
    }

    /// <summary>
    /// Looks for submissions through a mapping of a portal, and adds them to <paramref name="submitted"/>.
    /// </summary>
    internal void PollPortal(List<PortalSubmission> submitted)
    {
        if (_portal is null) return;
        using (_lock.Enter())
        {
            if (_isMapped && !_isDead) _portal.Look(_bytes, submitted);
        }
    }

    /// <summary>Undoes new stores to a mapping that were made while the BAR did not decode.</summary>
    internal void DropUnseen()
    {
        using (_lock.Enter())
        {
            if (!_isMapped || _isDead) return;
            if (_portal is not null) _bytes.Clear();
            foreach (RegisterCell cell in _doorbells) Store(cell.Register.Offset, cell.Register.Width, cell.Known);
        }
    }

    internal ulong Peek(Register register)
    {
        RegisterCell cell = CellOf(register);
        using (_lock.Enter())
            return cell.Register.Kind == RegisterKind.ReadWrite ? Load(register.Offset, register.Width) : cell.Known;
    }

    internal void Publish(Register register, ulong value)
    {
        RegisterCell cell = CellOf(register);
        using (_lock.Enter())
        {
            if (_isDead) return;
            ulong known = cell.Known;
            cell.Known = value & cell.Mask;
            if (cell.Register.Kind == RegisterKind.Doorbell && _isMapped)
                // fails if a new store is there
                Replace(register.Offset, register.Width, known, cell.Known);
            else Store(register.Offset, register.Width, cell.Known);
        }
    }

    internal void CopyTo(ulong offset, Span<byte> destination)
    {
        using (_lock.Enter()) _bytes.CopyTo(offset, destination);
    }

    internal void CopyFrom(ulong offset, ReadOnlySpan<byte> source)
    {
        using (_lock.Enter())
            if (!_isDead) _bytes.CopyFrom(offset, source);
    }

    public void Dispose() => _own.Dispose();

    private static void Split(ulong value, Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)(value >> (i * 8));
    }

    private void Copy(SharedBytes from, SharedBytes to)
    {
        Span<byte> chunk = stackalloc byte[CopyChunk];
        for (ulong at = 0; at < Bar.Size; at += CopyChunk)
        {
            from.CopyTo(at, chunk);
            to.CopyFrom(at, chunk);
        }
    }

    private static bool Answers(RegisterCell cell, int width) => ((int)cell.Register.Widths & width) != 0;

    /// <summary>The register at an offset; null in a gap. Also the end of the register or the gap.</summary>
    private RegisterCell? CellAt(ulong offset, out ulong end)
    {
        int low = 0, high = _cells.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_cells[middle].End <= offset) low = middle + 1; else high = middle;
        }

        end = Bar.Size;
        if (low == _cells.Length) return null;
        RegisterCell cell = _cells[low];
        bool inside = cell.Register.Offset <= offset;
        end = inside ? cell.End : cell.Register.Offset;
        return inside ? cell : null;
    }

    private RegisterCell CellOf(Register register)
    {
        RegisterCell? cell = CellAt(register.Offset, out _);
        if (cell is null || cell.Register != register)
            throw new ArgumentException($"BAR {Bar.Index} has no register {register.Name} at 0x{register.Offset:x}.",
                nameof(register));
        return cell;
    }

    private void ReadGap(ulong offset, Span<byte> part)
    {
        if (Bar.IsMemory || InMsix(offset)) _bytes.CopyTo(offset, part);
        else part.Fill(Bar.UnclaimedByte);
    }

    private bool InMsix(ulong offset) => _msix is { } msix
        && (offset - msix.TableOffset < (ulong)msix.Vectors * 16
            || offset - msix.PendingOffset < ((ulong)msix.Vectors + 63) / 64 * 8);

    private void Fill(ulong offset, ulong count, byte value)
    {
        Span<byte> chunk = stackalloc byte[CopyChunk];
        for (int i = 0; i < chunk.Length; i++) chunk[i] = value; // Fill is compiled at each start
        for (ulong done = 0; done < count; done += CopyChunk)
            _bytes.CopyFrom(offset + done, chunk[..(int)Math.Min(CopyChunk, count - done)]);
    }

    private ulong Load(ulong offset, int width) => width switch
    {
        1 => _bytes.Read<byte>(offset),
        2 => _bytes.Read<ushort>(offset),
        4 => _bytes.Read<uint>(offset),
        _ => _bytes.Read<ulong>(offset),
    };

    private void Store(ulong offset, int width, ulong value)
    {
        switch (width)
        {
            case 1: _bytes.Write(offset, (byte)value); break;
            case 2: _bytes.Write(offset, (ushort)value); break;
            case 4: _bytes.Write(offset, (uint)value); break;
            default: _bytes.Write(offset, value); break;
        }
    }

    private bool Replace(ulong offset, int width, ulong expected, ulong value) => width switch
    {
        1 => _bytes.TryReplace(offset, (byte)expected, (byte)value),
        2 => _bytes.TryReplace(offset, (ushort)expected, (ushort)value),
        4 => _bytes.TryReplace(offset, (uint)expected, (uint)value),
        _ => _bytes.TryReplace(offset, expected, value),
    };
}
