namespace Ioasis.Abi;

/// <summary>
/// Parts of an ioctl number (asm-generic/ioctl.h, the layout of x86-64, arm64 and riscv64), from the highest bits to
/// the lowest: direction, size of the argument in bytes, type, command number.
/// </summary>
public static class Ioc
{
    /// <summary>Shift of the type.</summary>
    public const int TypeShift = 8;

    /// <summary>Shift of the size.</summary>
    public const int SizeShift = 16;

    /// <summary>Shift of the direction.</summary>
    public const int DirShift = 30;

    /// <summary>Direction: none given. VFIO and iommufd use only this one.</summary>
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

    /// <summary>Size of the argument in bytes, 14 bits; 0 if the number gives none.</summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Size(uint cmd) => (cmd >> SizeShift) & 0x3fff;

    /// <summary>
    /// The direction, 2 bits: <see cref="DirNone"/> or the sum of <see cref="DirWrite"/> and <see cref="DirRead"/>.
    /// </summary>
    /// <param name="cmd">Number of an ioctl.</param>
    public static uint Dir(uint cmd) => cmd >> DirShift;

    /// <summary>The number of an ioctl without direction and size, as <c>_IO</c> makes it.</summary>
    /// <param name="type">The type, 8 bits.</param>
    /// <param name="nr">The command number, 8 bits.</param>
    public static uint Io(uint type, uint nr) => (type << TypeShift) | nr;
}
