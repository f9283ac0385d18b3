namespace Ioasis.Devices.Slots;

/// <summary>A register of a BAR in a slot.</summary>
internal sealed class RegisterCell(Register register)
{
    internal Register Register { get; } = register;

    internal ulong End => (ulong)Register.Offset + (uint)Register.Width;

    internal ulong Mask => Register.Width == 8 ? ulong.MaxValue : (1UL << (Register.Width * 8)) - 1;

    /// <summary>
    /// The value that the model knows. For a doorbell, the one rung or published last; a different value in memory is a
    /// new store. For a read-only register, the one published, which undoes stores to a mapping.
    /// </summary>
    internal ulong Known;
}
