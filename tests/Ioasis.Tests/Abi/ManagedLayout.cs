using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ioasis.Tests.Abi;

/// <summary>
/// Where the fields of a struct really are in memory. The struct is made from bytes that hold their own index; what a
/// field then holds tells its place. (Marshal.OffsetOf tells the layout of the marshaller, which is another one.)
/// </summary>
internal static class ManagedLayout
{
    private const BindingFlags Helpers = BindingFlags.Static | BindingFlags.NonPublic;

    public static int SizeOf(Type type) => (int)Call(nameof(SizeOfCore), type)!;

    /// <summary>Offset and size in bytes.</summary>
    public static (int Offset, int Size) Locate(FieldInfo field)
    {
        int size = SizeOf(field.DeclaringType!);
        Assert.InRange(size, 1, 256);
        byte[] indexes = [.. Enumerable.Range(0, size).Select(i => (byte)i)];
        object instance = Call(nameof(FromBytesCore), field.DeclaringType!, indexes)!;
        var bytes = (byte[])Call(nameof(ToBytesCore), field.FieldType, field.GetValue(instance))!;
        return (bytes[0], bytes.Length);
    }

    private static object? Call(string method, Type type, params object?[] arguments) =>
        typeof(ManagedLayout).GetMethod(method, Helpers)!.MakeGenericMethod(type).Invoke(null, arguments);

    private static int SizeOfCore<T>()
        where T : struct
        => Unsafe.SizeOf<T>();

    private static object FromBytesCore<T>(byte[] bytes)
        where T : struct
        => MemoryMarshal.Read<T>(bytes);

    private static byte[] ToBytesCore<T>(T value)
        where T : struct
        => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
