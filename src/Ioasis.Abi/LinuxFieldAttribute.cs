namespace Ioasis.Abi;

/// <summary>
/// Linux's name of a field, if it is not the C# name with underscores: <c>UserVa</c> is <c>user_va</c> without the
/// attribute, <c>__reserved</c> needs it.
/// </summary>
/// <param name="name">The field's name in Linux.</param>
[AttributeUsage(AttributeTargets.Field, Inherited = false)]
public sealed class LinuxFieldAttribute(string name) : Attribute
{
    /// <summary>The field's name in Linux.</summary>
    public string Name { get; } = name;
}
