namespace Ioasis.Abi;

/// <summary>The struct of Linux's uAPI that a C# struct mirrors, byte for byte.</summary>
/// <param name="name">The struct's name in Linux, without the keyword.</param>
[AttributeUsage(AttributeTargets.Struct, Inherited = false)]
public sealed class LinuxStructAttribute(string name) : Attribute
{
    /// <summary>The struct's name in Linux, without the keyword.</summary>
    public string Name { get; } = name;
}
