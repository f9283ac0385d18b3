namespace Ioasis.Abi;

/// <summary>
/// The name of a field in Linux, where it is not the C# name with underscores: <c>UserVa</c> is <c>user_va</c> without
/// saying so, <c>__reserved</c> has to be said.
/// </summary>
/// <param name="name">The field's name in Linux.</param>
[AttributeUsage(AttributeTargets.Field, Inherited = false)]
public sealed class LinuxFieldAttribute(string name) : Attribute
{
    /// <summary>The field's name in Linux.</summary>
    public string Name { get; } = name;
}
