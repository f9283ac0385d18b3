namespace Ioasis.Devices.Dsa;

/// <summary>
/// The software error register, the interrupt cause register, and the interrupt of both. The scheduler's lock guards
/// it.
/// </summary>
/// <param name="slot">Where the device is.</param>
internal sealed class DsaErrors(IPciSlot slot)
{
    private const ulong Valid = 1, Overflow = 2, DescriptorValid = 4, QueueValid = 8, InBatch = 16, WasWrite = 32,
        WasPrivileged = 64;
    private readonly ulong[] _words = new ulong[4];
    private DsaCause _cause;

    /// <summary>
    /// Records an error that no completion record can tell; of a second one before the first was acknowledged, only
    /// that it was.
    /// </summary>
    internal void Record(DsaStatus status, int? queue, DsaWork? work, in DsaCompletionRecord record)
    {
        if ((_words[0] & Valid) != 0)
        {
            _words[0] |= Overflow;
        }
        else
        {
            _words[0] = Valid | ((ulong)status << 8);
            if (queue is { } index) _words[0] |= QueueValid | ((ulong)index << 16);
            if (work is not null)
            {
                _words[0] |= DescriptorValid | ((ulong)work.Descriptor.Opcode << 32)
                    | ((ulong)(work.Pasid?.Value ?? 0) << 40)
                    | (work.IsInBatch ? InBatch : 0) | (work.Privileged ? WasPrivileged : 0)
                    | ((record.Status & DsaCompletionRecord.StatusWrite) != 0 ? WasWrite : 0);
            }

            _words[1] = (uint)(work?.BatchIndex ?? 0)
                | ((ulong)(status == DsaStatus.InvalidFlags ? record.InvalidFlags : 0) << 32);
            _words[2] = record.FaultAddr;
        }

        Publish();
        if ((slot.ReadRegister(DsaRegisters.Bar, DsaRegisters.InterruptEnables) & 1) != 0)
            Raise(DsaCause.SoftwareError);
    }

    /// <summary>A driver wrote the register's first word.</summary>
    internal void Acknowledge(ulong bits)
    {
        _words[0] &= ~(bits & (Valid | Overflow));
        Publish();
    }

    /// <summary>Raises the interrupt that is not of a descriptor: vector 0.</summary>
    internal void Raise(DsaCause cause)
    {
        _cause |= cause;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.Cause, (uint)_cause);
        slot.RaiseMessage(0);
    }

    /// <summary>A driver wrote the cause register: the bits that are set go.</summary>
    internal void AcknowledgeCause(uint bits)
    {
        _cause &= (DsaCause)~bits;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.Cause, (uint)_cause);
    }

    internal void Clear()
    {
        Array.Clear(_words);
        _cause = DsaCause.None;
    }

    /// <summary>The first word last: who sees that it is valid sees the others.</summary>
    internal void Publish()
    {
        for (int i = _words.Length - 1; i >= 0; i--)
            slot.Publish(DsaRegisters.Bar, DsaRegisters.SoftwareError[i], _words[i]);
    }
}
