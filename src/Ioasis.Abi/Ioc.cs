namespace Ioasis.Abi;

/// <summary>
/// What the number of an ioctl is made of (asm-generic/ioctl.h, the layout of x86-64, arm64 and riscv64): direction,
/// size of the argument in bytes, type and command number, from the highest bits to the lowest.
/// </summary>
public static class Ioc
{
    /// <summary>Bits below the type.</summary>
    public const int TypeShift = 8;

    /// <summary>Bits below the size.</summary>
    public const int SizeShift = 16;

    /// <summary>Bits below the direction.</summary>
    public const int DirShift = 30;

    /// <summary>Direction: the number does not say; VFIO and iommufd use nothing else.</summary>
    public const uint DirNone = 0;

    /// <summary>Direction: the caller writes the argument, the kernel reads it.</summary>
    public const uint DirWrite = 1;

    /// <summary>Direction: the kernel writes the argument, the caller reads it.</summary>
    public const uint DirRead = 2;

    /// <summary>The command number, 8 bits.</summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Nr(uint cmd) => cmd & 0xff;

    /// <summary>The type, 8 bits: the driver's letter.</summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Type(uint cmd) => (cmd >> TypeShift) & 0xff;

    /// <summary>Size of the argument in bytes, 14 bits; 0 where the number does not say.</summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Size(uint cmd) => (cmd >> SizeShift) & 0x3fff;

    /// <summary>
    /// The direction, 2 bits: <see cref="DirNone"/> or the sum of <see cref="DirWrite"/> and <see cref="DirRead"/>.
    /// </summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Dir(uint cmd) => cmd >> DirShift;

    /// <summary>The number of an ioctl that says neither direction nor size, as <c>_IO</c> makes it.</summary>
    /// <param name="type">The type, 8 bits.</param>
    /// <param name="nr">The command number, 8 bits.</param>
    public static uint Io(uint type, uint nr) => (type << TypeShift) | nr;
}
