namespace Ioasis.Devices.Slots;

/// <summary>A register of a BAR in a slot.</summary>
internal sealed class RegisterCell(Register register)
{
    internal Register Register { get; } = register;

    internal ulong End => (ulong)Register.Offset + (uint)Register.Width;

    internal ulong Mask => Register.Width == 8 ? ulong.MaxValue : (1UL << (Register.Width * 8)) - 1;

    /// <summary>
    /// Its value as the model knows it: of a doorbell, what was rung or published last, from which a store that nobody
    /// has seen yet is told; of a read-only register, what was published, so that a store to a mapping cannot change
    /// it.
    /// </summary>
    internal ulong Known;
}
